"""Draws samples of segmentation: annotation beside prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmengine.dist import master_only
from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError
from mmengine.visualization import Visualizer
from mmengine.visualization.utils import convert_overlay_heatmap
from mmseg.registry import VISUALIZERS
from mmseg.structures import SegDataSample
from mmseg.utils import get_classes, get_palette


@VISUALIZERS.register_module()
class SegLocalVisualizer(Visualizer):
    """Paints classes over images.

    Args:
        name, image, vis_backends, save_dir: of `Visualizer`.
        classes: names; those of `dataset_meta`, which loops set, by default.
        palette: RGB of each class.
        dataset_name: take classes and palette of a known dataset, e.g. 'cityscapes'.
        alpha: opacity of the paint.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        image: np.ndarray | None = None,
        vis_backends: list | dict | None = None,
        save_dir: str | None = None,
        classes: list | None = None,
        palette: list | None = None,
        dataset_name: str | None = None,
        alpha: float = 0.8,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, image, vis_backends, save_dir, **kwargs)
        self.alpha = alpha
        if classes is not None or palette is not None or dataset_name is not None:
            self.set_dataset_meta(classes, palette, dataset_name)

    def set_dataset_meta(
        self, classes: list | None = None, palette: list | None = None, dataset_name: str | None = None
    ) -> None:
        """Set `dataset_meta`; what is not given is that of `dataset_name` (by default 'cityscapes').

        Raises:
            ConfigError: there are not as many colours as classes.
        """
        known = dataset_name or 'cityscapes'
        if classes is not None and palette is None and dataset_name is None:
            palette = _colors(len(classes))
        classes = classes if classes is not None else get_classes(known)
        palette = palette if palette is not None else get_palette(known)
        if len(classes) != len(palette):
            raise ConfigError(f'there are {len(classes)} classes, but {len(palette)} colours in the palette')
        self._dataset_meta = {'classes': classes, 'palette': palette}

    def _get_center_loc(self, mask: np.ndarray) -> np.ndarray:
        """(x, y) of a pixel of `mask (H, W)` near its centre of mass."""
        rows, columns = np.nonzero(mask)
        nearest = ((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2).argmin()
        return np.array([columns[nearest], rows[nearest]])

    def _draw_sem_seg(
        self,
        image: np.ndarray,
        sem_seg: PixelData,
        classes: list | tuple | None,
        palette: list | None,
        with_labels: bool | None = True,
    ) -> np.ndarray:
        """`image` RGB `(H, W, 3)` uint8 with its classes painted over it, and their names if `with_labels`.

        Pixels of no class, such as ignored ones, show the image.
        """
        labels = sem_seg.data.squeeze(0).cpu().numpy()  # type: ignore[attr-defined]
        count = len(classes) if classes is not None else int(labels.max(initial=0)) + 1
        colors = np.array(palette if palette is not None else _colors(count), dtype=np.uint8)[:count]
        if labels.shape != image.shape[:2]:
            raise ValueError(f'the image has the size {image.shape[:2]}, but its labels {labels.shape}')
        inside = (labels >= 0) & (labels < len(colors))
        painted = colors[np.where(inside, labels, 0).astype(np.int64)]
        painted = np.where(inside[..., None], cv2.addWeighted(image, 1 - self.alpha, painted, self.alpha, 0), image)
        if not with_labels or classes is None:
            return painted
        found = np.unique(labels[inside]).astype(int).tolist()
        if not found:
            return painted
        self.set_image(painted)
        self.draw_texts(
            [str(classes[label]) for label in found],
            np.stack([self._get_center_loc(labels == label) for label in found]),
            colors=['k' if np.dot(colors[label], (0.299, 0.587, 0.114)) > 128 else 'w' for label in found],
            vertical_alignments='center',
            horizontal_alignments='center',
            bboxes=[{'facecolor': tuple(colors[label].tolist()), 'alpha': 0.8} for label in found],
        )
        return self.get_image()

    def _draw_depth_map(self, image: np.ndarray, depth_map: PixelData) -> np.ndarray:
        """`image` above the colours of a depth map, RGB `(2 * H, W, 3)` uint8."""
        heat = convert_overlay_heatmap(depth_map.data.float())  # type: ignore[attr-defined]
        heat = cv2.resize(heat, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        return np.concatenate([image, heat], axis=0)

    @master_only
    def add_datasample(  # type: ignore[override]
        self,
        name: str,
        image: np.ndarray,
        data_sample: SegDataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        step: int = 0,
        with_labels: bool | None = True,
    ) -> None:
        """Draw a sample, the annotation at the left and the prediction at the right; `get_image` has it afterwards.

        Args:
            image: RGB `(H, W, 3)` uint8 of the size of the labels.
            show: open a window for `wait_time` seconds (0: until a key is pressed).
            out_file: write to this file, instead of handing the picture to the backends as `name` at `step`.
            with_labels: write the names of the classes.
        """
        meta = self.dataset_meta or {}
        parts = []
        for wanted, kind in ((draw_gt, 'gt'), (draw_pred, 'pred')):
            if not wanted or data_sample is None:
                continue
            drawn = None
            if f'{kind}_sem_seg' in data_sample:
                labels = data_sample.get(f'{kind}_sem_seg')
                drawn = self._draw_sem_seg(image, labels, meta.get('classes'), meta.get('palette'), with_labels)
            if f'{kind}_depth_map' in data_sample:
                drawn = self._draw_depth_map(image if drawn is None else drawn, data_sample.get(f'{kind}_depth_map'))
            if drawn is not None:
                parts.append(drawn)
        picture = np.concatenate(parts, axis=1) if parts else image
        self.set_image(picture)
        if show:
            self.show(picture, win_name=name, wait_time=wait_time)
        if out_file is None:
            self.add_image(name, picture, step)
            return
        Path(out_file).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(out_file), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def _colors(count: int) -> list[list[int]]:
    """Colours for classes without a palette, the same in each run."""
    return np.random.default_rng(42).integers(0, 256, (count, 3)).tolist()


__all__ = ['SegLocalVisualizer']
