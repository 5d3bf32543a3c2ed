"""Resize with all label maps. Scales are `(w, h)`."""

from __future__ import annotations

import numpy as np

from mmcv.image import imrescale, imresize_to_multiple
from mmcv.transforms import BaseTransform
from mmcv.transforms import Resize as MMCV_Resize
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class Resize(MMCV_Resize):
    """As in mmcv, for all `seg_fields` (nearest)."""

    def _resize_seg(self, results: dict) -> None:
        for key in results.get('seg_fields', []):
            results[key] = self._resize_array(results[key], results['scale'], 'nearest')


@TRANSFORMS.register_module()
class ResizeToMultiple(BaseTransform):
    """Resize `img` and all `seg_fields` up to the next multiple of `size_divisor`. Sets `img_shape`, `pad_shape`."""

    def __init__(self, size_divisor: int = 32, interpolation: str | None = None) -> None:
        self.size_divisor = size_divisor
        self.interpolation = interpolation

    def transform(self, results: dict) -> dict:
        img = imresize_to_multiple(
            results['img'], self.size_divisor, scale_factor=1, interpolation=self.interpolation or 'bilinear'
        )
        assert isinstance(img, np.ndarray)
        results['img'] = img
        results['img_shape'] = results['pad_shape'] = img.shape[:2]
        for key in results.get('seg_fields', []):
            results[key] = imresize_to_multiple(
                results[key], self.size_divisor, scale_factor=1, interpolation='nearest'
            )
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size_divisor={self.size_divisor}, interpolation={self.interpolation})'


@TRANSFORMS.register_module()
class ResizeShortestEdge(BaseTransform):
    """Resize so that the short edge is `scale` (the smaller value of a tuple), and the long one at most `max_size`."""

    def __init__(self, scale: int | tuple[int, int], max_size: int) -> None:
        self.scale = scale
        self.max_size = max_size
        self.resize = TRANSFORMS.build({'type': 'mmseg.Resize', 'scale': 0, 'keep_ratio': True})

    def _get_output_shape(self, img: np.ndarray, short_edge_length: int | tuple[int, int]) -> tuple[int, int]:
        """`(w, h)`."""
        h, w = img.shape[:2]
        short = short_edge_length if isinstance(short_edge_length, int) else min(short_edge_length)
        factor = min(short / min(h, w), self.max_size / max(h, w))
        return int(w * factor + 0.5), int(h * factor + 0.5)

    def transform(self, results: dict) -> dict:
        self.resize.scale = self._get_output_shape(results['img'], self.scale)
        return self.resize(results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scale={self.scale}, max_size={self.max_size})'


@TRANSFORMS.register_module()
class SegRescale(BaseTransform):
    """Rescale all `seg_fields` (nearest), for models whose output is smaller than the image."""

    def __init__(self, scale_factor: float = 1) -> None:
        self.scale_factor = scale_factor

    def transform(self, results: dict) -> dict:
        if self.scale_factor != 1:
            for key in results.get('seg_fields', []):
                results[key] = imrescale(results[key], self.scale_factor, interpolation='nearest')
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scale_factor={self.scale_factor})'
