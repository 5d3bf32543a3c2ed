"""Crop at random."""

from __future__ import annotations

import cv2
import numpy as np

from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS

Box = tuple[int, int, int, int]


def label_counts(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The labels that occur, sorted, and the number of their pixels."""
    if labels.dtype != np.uint8 or labels.ndim != 2 or not labels.size:
        return np.unique(labels, return_counts=True)
    histogram = cv2.calcHist([labels], [0], None, [256], [0, 256])[:, 0]  # needs no sorting
    found = np.nonzero(histogram)[0]
    return found, histogram[found].astype(np.int64)


@TRANSFORMS.register_module()
class RandomCrop(BaseTransform):
    """Crop `img` and all `seg_fields` to `crop_size` `(h, w)` (smaller where the image is).

    With `cat_max_ratio` below 1 up to ten crops are drawn until no class covers more than that share of the pixels that
    count, and there are at least two classes.
    """

    def __init__(self, crop_size: int | tuple[int, int], cat_max_ratio: float = 1.0, ignore_index: int = 255) -> None:
        size = (crop_size, crop_size) if isinstance(crop_size, int) else crop_size
        if not isinstance(size, tuple | list) or len(size) != 2 or min(size) <= 0:
            raise ValueError(f'crop_size should be a positive int or two of them, but got {crop_size}')
        self.crop_size = tuple(size)
        self.cat_max_ratio = cat_max_ratio
        self.ignore_index = ignore_index

    def _draw(self, h: int, w: int) -> Box:
        top = np.random.randint(0, max(h - self.crop_size[0], 0) + 1)
        left = np.random.randint(0, max(w - self.crop_size[1], 0) + 1)
        return top, top + self.crop_size[0], left, left + self.crop_size[1]

    @cache_randomness
    def crop_bbox(self, results: dict) -> Box:
        """Rows and columns to keep: top, bottom, left, right."""
        h, w = results['img'].shape[:2]
        box = self._draw(h, w)
        if self.cat_max_ratio >= 1.0:
            return box
        for _ in range(10):
            labels, counts = label_counts(self.crop(results['gt_seg_map'], box))
            counts = counts[labels != self.ignore_index]
            if len(counts) > 1 and counts.max() / counts.sum() < self.cat_max_ratio:
                break
            box = self._draw(h, w)
        return box

    def crop(self, img: np.ndarray, crop_bbox: Box) -> np.ndarray:
        top, bottom, left, right = crop_bbox
        return img[top:bottom, left:right]

    def transform(self, results: dict) -> dict:
        box = self.crop_bbox(results)
        # A copy, which is compact, lets the whole image go and is faster for what follows.
        results['img'] = np.ascontiguousarray(self.crop(results['img'], box))
        for key in results.get('seg_fields', []):
            results[key] = np.ascontiguousarray(self.crop(results[key], box))
        results['img_shape'] = results['img'].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(crop_size={self.crop_size})'
