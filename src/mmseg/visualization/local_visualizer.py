"""Draws segmentation: prediction beside truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmengine.dist import master_only
from mmengine.structures import PixelData
from mmengine.visualization import Visualizer
from mmseg.registry import VISUALIZERS
from mmseg.structures import SegDataSample


@VISUALIZERS.register_module()
class SegLocalVisualizer(Visualizer):
    """Args:
    classes, palette: names and RGB colours; those of `dataset_meta` by default.
    alpha: opacity of the classes over the image.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        image: np.ndarray | None = None,
        vis_backends: list | None = None,
        save_dir: str | None = None,
        classes: list | None = None,
        palette: list | None = None,
        dataset_name: str | None = None,
        alpha: float = 0.8,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, image, vis_backends, save_dir, **kwargs)
        self.alpha = alpha
        if classes is not None:
            self.dataset_meta = {'classes': classes, 'palette': palette}

    def _draw_sem_seg(
        self,
        image: np.ndarray,
        sem_seg: PixelData,
        classes: list | tuple | None,
        palette: list | None,
        with_labels: bool = True,
    ) -> np.ndarray:
        """`image` RGB `(H, W, 3)` with the classes of `sem_seg` in their colours and, on request, their names."""
        mask = sem_seg.data[0].cpu().numpy()
        number = len(classes) if classes is not None else int(mask.max()) + 1
        colours = np.array(palette if palette is not None else default_palette(number), dtype=np.uint8)
        known = (mask >= 0) & (mask < len(colours))
        painted = image.copy()
        blend = image * (1 - self.alpha) + colours[np.where(known, mask, 0)] * self.alpha
        painted[known] = blend.round().astype(np.uint8)[known]
        if with_labels and classes is not None:
            self._write_names(painted, mask, classes)
        return painted

    @staticmethod
    def _write_names(image: np.ndarray, mask: np.ndarray, classes: list | tuple) -> None:
        """Each class's name in the middle of its largest part, where it fits."""
        scale = max(0.35, min(image.shape[:2]) / 900)
        for label in np.unique(mask):
            if not 0 <= label < len(classes):
                continue
            count, _, stats, _ = cv2.connectedComponentsWithStats((mask == label).astype(np.uint8))
            if count < 2:
                continue
            part = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
            x, y, w, h = (int(v) for v in stats[part, :4])
            text = str(classes[label])
            (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
            left, top = max(0, x + (w - width) // 2), max(0, y + (h - height) // 2)
            cv2.rectangle(image, (left, top), (left + width, top + height + base), (0, 0, 0), -1)
            cv2.putText(image, text, (left, top + height), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA)

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
        with_labels: bool = True,
    ) -> None:
        """Draw truth (left) and prediction (right) over an RGB image `(H, W, 3)` uint8, and show, write or log it."""
        meta = self.dataset_meta or {}
        classes, palette = meta.get('classes'), meta.get('palette')
        parts = []
        for wanted, field in ((draw_gt, 'gt_sem_seg'), (draw_pred, 'pred_sem_seg')):
            if wanted and data_sample is not None and field in data_sample:
                parts.append(self._draw_sem_seg(image, getattr(data_sample, field), classes, palette, with_labels))
        drawn = np.concatenate(parts, axis=1) if parts else image
        self.set_image(drawn)
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        if out_file is not None:
            Path(out_file).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(out_file, cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
        else:
            self.add_image(name, drawn, step)


def default_palette(number: int) -> list[list[int]]:
    """Colours that differ for data sets without a palette."""
    generator = np.random.default_rng(42)
    return generator.integers(0, 255, (number, 3)).tolist()
