"""Drawing on RGB images `(H, W, 3)` uint8 with OpenCV and Pillow. Coordinates are pixels, x to the right, y down."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

Color = tuple[int, int, int]

# The one-letter names of matplotlib, which callers use; longer names are those of CSS.
_LETTERS: dict[str, Color] = {
    'b': (0, 0, 255),
    'g': (0, 128, 0),
    'r': (255, 0, 0),
    'c': (0, 191, 191),
    'm': (191, 0, 191),
    'y': (191, 191, 0),
    'k': (0, 0, 0),
    'w': (255, 255, 255),
}
# Lengths of dash, gap, ... in line widths.
_DASHES = {'--': (4.0, 2.0), 'dashed': (4.0, 2.0), ':': (1.0, 2.0), 'dotted': (1.0, 2.0), '-.': (6.0, 2.0, 1.0, 2.0)}
_DASHES['dashdot'] = _DASHES['-.']
_SHIFT = 4  # OpenCV takes coordinates in 1/16 pixels


def rgb(color: Any) -> Color:
    """RGB in 0..255 of a tuple, or of a name such as `'g'`, `'orange'` or `'#ff0080'`."""
    if isinstance(color, str):
        if color in _LETTERS:
            return _LETTERS[color]
        try:
            return ImageColor.getrgb(color)[:3]
        except ValueError as error:
            raise ValueError(
                f'a colour should be (R, G, B), a CSS name or one of {"".join(_LETTERS)}: {color!r}'
            ) from error
    if len(color) != 3:
        raise ValueError(f'a colour should have three channels, but got {color!r}')
    red, green, blue = (int(channel) for channel in color)
    return red, green, blue


def blend(image: np.ndarray, painted: np.ndarray, alpha: float) -> None:
    """Lay `painted` over `image` in place with opacity `alpha`."""
    cv2.addWeighted(painted, alpha, image, 1 - alpha, 0, dst=image)


def stroke(image: np.ndarray, points: np.ndarray, color: Color, width: float, style: str, closed: bool) -> None:
    """Draw the line through `points (K, 2)`."""
    parts = [(points, closed)]
    if style not in ('-', 'solid'):
        if style not in _DASHES:
            raise ValueError(f'a line style should be one of -, {", ".join(_DASHES)}, but got {style!r}')
        line = np.concatenate([points, points[:1]]) if closed else points
        parts = [(dash, False) for dash in _dashes(line, [width * length for length in _DASHES[style]])]
    for part, is_closed in parts:
        cv2.polylines(image, [_fixed(part)], is_closed, color, max(1, round(width)), cv2.LINE_AA, _SHIFT)


def _dashes(line: np.ndarray, pattern: list[float]) -> list[np.ndarray]:
    """The pieces of a polyline `(K, 2)` that a pattern of dash, gap, ... leaves."""
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    at = np.concatenate([[0.0], lengths.cumsum()])
    pieces, start, number = [], 0.0, 0
    while start < at[-1]:
        end = min(start + max(pattern[number % len(pattern)], 1.0), float(at[-1]))
        if number % 2 == 0:
            places = np.concatenate([[start], at[(at > start) & (at < end)], [end]])
            pieces.append(np.stack([np.interp(places, at, line[:, axis]) for axis in (0, 1)], axis=1))
        start, number = end, number + 1
    return pieces


def fill(image: np.ndarray, points: np.ndarray, color: Color) -> None:
    """Fill the polygon `points (K, 2)`."""
    cv2.fillPoly(image, [_fixed(points)], color, cv2.LINE_AA, _SHIFT)


def circle(image: np.ndarray, center: np.ndarray, radius: float, color: Color, width: float) -> None:
    """Draw a circle; fill it if `width` is negative."""
    x, y = _fixed(np.asarray(center))
    thickness = -1 if width < 0 else max(1, round(width))
    cv2.circle(image, (int(x), int(y)), round(float(radius) * 2**_SHIFT), color, thickness, cv2.LINE_AA, _SHIFT)


def _fixed(points: np.ndarray) -> np.ndarray:
    return (points * 2**_SHIFT).round().astype(np.int32)


@lru_cache(maxsize=64)
def font(size: int, family: str = '') -> Any:
    """A font of `size` pixels: the file or name `family` if there is such a font, else the one that Pillow brings."""
    if family not in ('', 'sans-serif', 'monospace', 'serif'):
        try:
            return ImageFont.truetype(family, size)
        except OSError as error:
            raise ValueError(f'there is no font {family!r}; give the path of a .ttf or .otf file') from error
    return ImageFont.load_default(size)


def write(
    image: np.ndarray,
    text: str,
    position: tuple[float, float],
    color: Color,
    face: Any,
    anchor: str,
    box: dict | None = None,
) -> None:
    """Write `text` at `position` in place.

    Args:
        face: a font of Pillow.
        anchor: of Pillow: l, m or r for horizontal, a (top), m or s (baseline) for vertical alignment.
        box: a box behind the text: `facecolor`, `edgecolor`, `alpha` and `pad` (pixels).
    """
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    if '\n' in text and anchor[1] == 's':
        anchor = anchor[0] + 'd'
    if box:
        pad = box.get('pad', 2)
        left, top, right, bottom = pen.textbbox(position, text, face, anchor)
        corners = (round(left - pad), round(top - pad), round(right + pad), round(bottom + pad))
        behind = picture.copy()
        edge = box.get('edgecolor', 'none')
        fill_color, edge_color = (None if c == 'none' else rgb(c) for c in (box.get('facecolor', 'w'), edge))
        ImageDraw.Draw(behind).rectangle(corners, fill_color, edge_color)
        picture = Image.blend(picture, behind, box.get('alpha', 1.0))
        pen = ImageDraw.Draw(picture)
    pen.text(position, text, color, face, anchor)
    image[...] = np.asarray(picture)


__all__ = ['Color', 'blend', 'circle', 'fill', 'font', 'rgb', 'stroke', 'write']
