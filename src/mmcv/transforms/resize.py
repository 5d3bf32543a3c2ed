"""Resize images and what belongs to them, to a given or a drawn size. Scales are `(w, h)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmcv.image.geometric import _scale_size, imrescale, imresize
from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS
from mmcv.transforms.utils import cache_randomness


@TRANSFORMS.register_module()
class Resize(BaseTransform):
    """Resize `img`, `gt_bboxes`, `gt_seg_map` (nearest) and `gt_keypoints` to `scale`, or by `scale_factor`.

    With `keep_ratio` `scale` is the box (long edge, short edge) to fit into. Sets `img_shape`, `scale`, `keep_ratio`
    and `scale_factor` `(of w, of h)`.
    """

    def __init__(
        self,
        scale: int | tuple[int, int] | None = None,
        scale_factor: float | tuple[float, float] | None = None,
        keep_ratio: bool = False,
        clip_object_border: bool = True,
        backend: str = 'cv2',
        interpolation: str = 'bilinear',
    ) -> None:
        if scale is None and scale_factor is None:
            raise ValueError('one of `scale` and `scale_factor` must be given')
        self.scale: tuple[int, int] | None = (scale, scale) if isinstance(scale, int) else scale
        self.backend = backend
        self.interpolation = interpolation
        self.keep_ratio = keep_ratio
        self.clip_object_border = clip_object_border
        if isinstance(scale_factor, int | float):
            scale_factor = (scale_factor, scale_factor)
        elif scale_factor is not None and not isinstance(scale_factor, tuple):
            raise TypeError(f'expect scale_factor to be a number or a tuple of them, but got {type(scale_factor)}')
        self.scale_factor: tuple[float, float] | None = scale_factor

    def _resize_array(self, array: np.ndarray, scale: tuple[int, int], interpolation: str) -> np.ndarray:
        resize: Any = imrescale if self.keep_ratio else imresize
        return resize(array, scale, interpolation=interpolation, backend=self.backend)

    def _resize_img(self, results: dict) -> None:
        if results.get('img') is None:
            return
        h, w = results['img'].shape[:2]
        img = self._resize_array(results['img'], results['scale'], self.interpolation)
        results['img'] = img
        results['img_shape'] = img.shape[:2]
        results['scale_factor'] = (img.shape[1] / w, img.shape[0] / h)
        results['keep_ratio'] = self.keep_ratio

    def _resize_bboxes(self, results: dict) -> None:
        if results.get('gt_bboxes') is None:
            return
        boxes = results['gt_bboxes'] * np.tile(np.array(results['scale_factor']), 2)
        if self.clip_object_border:
            h, w = results['img_shape']
            boxes = np.clip(boxes, 0, [w, h, w, h])
        results['gt_bboxes'] = boxes

    def _resize_seg(self, results: dict) -> None:
        if results.get('gt_seg_map') is not None:
            results['gt_seg_map'] = self._resize_array(results['gt_seg_map'], results['scale'], 'nearest')

    def _resize_keypoints(self, results: dict) -> None:
        if results.get('gt_keypoints') is None:
            return
        keypoints = results['gt_keypoints']
        positions = keypoints[..., :2] * np.array(results['scale_factor'])
        if self.clip_object_border:
            positions = np.clip(positions, 0, results['img_shape'][::-1])
        results['gt_keypoints'] = np.concatenate([positions, keypoints[..., 2:]], axis=-1).astype(np.float32)

    def transform(self, results: dict) -> dict:
        if self.scale is not None:
            results['scale'] = self.scale
        else:
            assert self.scale_factor is not None
            h, w = results['img'].shape[:2]
            results['scale'] = _scale_size((w, h), self.scale_factor)
        self._resize_img(results)
        self._resize_bboxes(results)
        self._resize_seg(results)
        self._resize_keypoints(results)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(scale={self.scale}, scale_factor={self.scale_factor}, '
            f'keep_ratio={self.keep_ratio}, clip_object_border={self.clip_object_border}, '
            f'backend={self.backend}, interpolation={self.interpolation})'
        )


@TRANSFORMS.register_module()
class RandomResize(BaseTransform):
    """Resize to a drawn scale: `scale` times a factor from `ratio_range`, or each edge between two given scales.

    `resize_type` names the transform that resizes, `resize_kwargs` are its other arguments.
    """

    def __init__(
        self,
        scale: tuple[int, int] | Sequence[tuple[int, int]],
        ratio_range: tuple[float, float] | None = None,
        resize_type: str = 'Resize',
        **resize_kwargs: Any,
    ) -> None:
        self.scale = scale
        self.ratio_range = ratio_range
        self.resize_cfg = {'type': resize_type, **resize_kwargs}
        # A scale of 0 stands until the first is drawn.
        self.resize = TRANSFORMS.build({'scale': 0, **self.resize_cfg})

    @staticmethod
    def _random_sample(scales: Sequence[tuple[int, int]]) -> tuple:
        """Width and height, each uniform between those of the two scales, both included."""
        if len(scales) != 2:
            raise ValueError(f'expect two scales to draw between, but got {scales}')
        widths, heights = zip(*scales, strict=True)
        w = np.random.randint(min(widths), max(widths) + 1)
        h = np.random.randint(min(heights), max(heights) + 1)
        return w, h

    @staticmethod
    def _random_sample_ratio(scale: tuple, ratio_range: tuple[float, float]) -> tuple:
        """`scale` times a factor that is uniform in `ratio_range`, rounded down."""
        low, high = ratio_range
        if low > high:
            raise ValueError(f'ratio_range should be (low, high), but got {ratio_range}')
        ratio = np.random.random_sample() * (high - low) + low
        return int(scale[0] * ratio), int(scale[1] * ratio)

    @cache_randomness
    def _random_scale(self) -> tuple:
        if isinstance(self.scale[0], int):
            if self.ratio_range is None:
                raise ValueError(f'RandomResize with one scale {self.scale} needs `ratio_range`')
            return self._random_sample_ratio(tuple(self.scale), self.ratio_range)
        return self._random_sample(self.scale)  # type: ignore[arg-type]

    def transform(self, results: dict) -> dict:
        results['scale'] = self._random_scale()
        self.resize.scale = results['scale']
        return self.resize(results)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(scale={self.scale}, ratio_range={self.ratio_range}, resize_cfg={self.resize_cfg})'
        )


@TRANSFORMS.register_module()
class RandomChoiceResize(BaseTransform):
    """Resize to one of `scales`; an int is a square, or both edges of the box with `keep_ratio`. Sets `scale_idx`."""

    def __init__(self, scales: Sequence[int | tuple], resize_type: str = 'Resize', **resize_kwargs: Any) -> None:
        self.scales = list(scales) if isinstance(scales, list | tuple) else [scales]
        if not all(isinstance(scale, int | tuple) for scale in self.scales):
            raise TypeError(f'scales should be ints or tuples, but got {scales}')
        self.resize_cfg = {'type': resize_type, **resize_kwargs}
        self.resize = TRANSFORMS.build({'scale': 0, **self.resize_cfg})

    @cache_randomness
    def _random_select(self) -> tuple[Any, int]:
        index = int(np.random.randint(len(self.scales)))
        return self.scales[index], index

    def transform(self, results: dict) -> dict:
        scale, results['scale_idx'] = self._random_select()
        self.resize.scale = (scale, scale) if isinstance(scale, int) and isinstance(self.resize, Resize) else scale
        return self.resize(results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scales={self.scales}, resize_cfg={self.resize_cfg})'
