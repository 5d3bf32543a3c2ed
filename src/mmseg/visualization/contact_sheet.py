"""Samples of data, stage by stage, in one picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mmseg.datasets.trace import Stage

CELL, TITLE, GAP = 224, 16, 6
ALPHA = 0.5


def as_rgb(image: np.ndarray) -> np.ndarray:
    """What can be seen of an image `(H, W)` or `(H, W, C)`, BGR first: `(H, W, 3)` uint8.

    Of more than three channels the first three are shown. Other ranges than [0, 255] are stretched from the 2nd to the
    98th percentile.
    """
    channels = image[..., None] if image.ndim == 2 else image
    if channels.shape[2] < 3:
        channels = channels[..., [0, 0, 0]]
    shown = channels[..., 2::-1] if channels.shape[2] <= 4 else channels[..., :3]
    if shown.dtype == np.uint8:
        return np.ascontiguousarray(shown)
    values = np.nan_to_num(shown.astype(np.float32))
    if values.size and (values.min() < 0 or values.max() > 255 or values.max() <= 1):
        low, high = np.percentile(values, (2, 98))
        values = (values - low) / max(high - low, 1e-12) * 255
    return values.clip(0, 255).astype(np.uint8)


def paint(stage: Stage, palette: Sequence[Sequence[int]], ignore_index: int) -> np.ndarray:
    """The image under its labels, RGB uint8. Ignored pixels are hatched in white; depth stands on the right."""
    image = as_rgb(stage.image)
    if stage.labels is not None and stage.labels.shape == image.shape[:2]:
        colours = np.array(palette, np.uint8).reshape(-1, 3)
        inside = (stage.labels >= 0) & (stage.labels < len(colours)) & (stage.labels != ignore_index)
        if len(colours):
            painted = colours[np.where(inside, stage.labels, 0).astype(np.int64)]
            mixed = cv2.addWeighted(image, 1 - ALPHA, painted, ALPHA, 0)
            image = np.where(inside[..., None], mixed, image)
        rows, columns = np.indices(stage.labels.shape)
        hatched = (stage.labels == ignore_index) & ((rows + columns) // 3 % 3 == 0)
        image[hatched] = 255
    if stage.depth is not None:
        depth = np.nan_to_num(stage.depth.astype(np.float32))
        scaled = (depth / max(depth.max(initial=0), 1e-12) * 255).clip(0, 255).astype(np.uint8)
        heat = cv2.cvtColor(cv2.applyColorMap(scaled, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
        if heat.shape == image.shape:
            image = np.concatenate([image, heat], axis=1)
    return image


def contact_sheet(
    rows: Sequence[Sequence[Stage]],
    names: Sequence[str],
    classes: Sequence[str] = (),
    palette: Sequence[Sequence[int]] = (),
    ignore_index: int = 255,
) -> np.ndarray:
    """A row a sample with its name, a column a stage with its size, and the classes that occur; RGB uint8."""
    cells = [[_fit(paint(stage, palette, ignore_index)) for stage in row] for row in rows]
    widths = [sum(cell.shape[1] + GAP for cell in row) for row in cells]
    heights = [2 * TITLE + max((cell.shape[0] for cell in row), default=0) + GAP for row in cells]
    seen = sorted({int(v) for row in rows for s in row if s.labels is not None for v in np.unique(s.labels)})
    seen = [label for label in seen if 0 <= label < len(classes) and label != ignore_index]
    width = max([*widths, 2 * CELL])
    per_line = max(width // 150, 1)
    legend = TITLE * -(-len(seen) // per_line) + GAP
    sheet = Image.new('RGB', (width, sum(heights) + legend), 'white')
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    top = 0
    for row, images, name, height in zip(rows, cells, names, heights, strict=True):
        draw.text((2, top), name, 'black', font)
        left = 0
        for stage, cell in zip(row, images, strict=True):
            h, w, *rest = stage.image.shape
            text = f'{stage.name} {w}x{h}' + (f'x{rest[0]}' if rest and rest[0] != 3 else '')
            draw.text((left + 2, top + TITLE), text[: max(cell.shape[1] // 6, 4)], '#404040', font)
            sheet.paste(Image.fromarray(cell), (left, top + 2 * TITLE))
            left += cell.shape[1] + GAP
        top += height
    for place, label in enumerate(seen):
        left, line = place % per_line * 150, top + place // per_line * TITLE
        colour = tuple(palette[label]) if label < len(palette) else (0, 0, 0)
        draw.rectangle([left + 2, line + 2, left + 12, line + 12], fill=colour, outline='black')
        draw.text((left + 16, line), classes[label][:20], 'black', font)
    return np.array(sheet)


def _fit(image: np.ndarray) -> np.ndarray:
    """As high as a cell; small images are not enlarged smoothly, so that their pixels are seen."""
    h, w = image.shape[:2]
    size = (max(round(w * CELL / h), 96), CELL)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if h > CELL else cv2.INTER_NEAREST)
