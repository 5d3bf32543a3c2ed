"""Rotate at random, with all label maps."""

from __future__ import annotations

import numpy as np

from mmcv.image import imrotate
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS


def _range(degree: float | tuple[float, float]) -> tuple[float, float]:
    if isinstance(degree, int | float):
        if degree <= 0:
            raise ValueError(f'degree {degree} should be positive')
        return -degree, degree
    if len(degree) != 2:
        raise ValueError(f'degree {degree} should be a number or (low, high)')
    return degree[0], degree[1]


def rotate_sample(
    results: dict,
    angle: float,
    pad_val: float = 0,
    seg_pad_val: float = 255,
    center: tuple[float, float] | None = None,
    auto_bound: bool = False,
) -> None:
    """Rotate `img` and all `seg_fields` clockwise by `angle` degrees, in place in the dict."""
    # One number would fill the first channel only.
    border = (pad_val,) * 4 if isinstance(pad_val, int | float) else tuple(pad_val)
    results['img'] = imrotate(
        results['img'],
        angle,
        center=center,
        border_value=border,
        auto_bound=auto_bound,
    )
    for key in results.get('seg_fields', []):
        results[key] = imrotate(
            results[key],
            angle,
            center=center,
            border_value=seg_pad_val,
            auto_bound=auto_bound,
            interpolation='nearest',
        )
    results['img_shape'] = results['img'].shape[:2]


@TRANSFORMS.register_module()
class RandomRotate(BaseTransform):
    """With probability `prob`, rotate `img` and all `seg_fields` by an angle uniform in `degree` (a number: ± it)."""

    def __init__(
        self,
        prob: float,
        degree: float | tuple[float, float],
        pad_val: float = 0,
        seg_pad_val: float = 255,
        center: tuple[float, float] | None = None,
        auto_bound: bool = False,
    ) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob should be in [0, 1], but got {prob}')
        self.prob = prob
        self.degree = _range(degree)
        self.pal_val = self.pad_val = pad_val  # the first is the name in the published releases
        self.seg_pad_val = seg_pad_val
        self.center = center
        self.auto_bound = auto_bound

    @cache_randomness
    def generate_degree(self) -> tuple[bool, float]:
        """Whether to rotate, and by how much."""
        return np.random.rand() < self.prob, np.random.uniform(min(self.degree), max(self.degree))

    def transform(self, results: dict) -> dict:
        rotate, degree = self.generate_degree()
        if rotate:
            rotate_sample(results, degree, self.pad_val, self.seg_pad_val, self.center, self.auto_bound)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(prob={self.prob}, degree={self.degree}, pad_val={self.pad_val}, '
            f'seg_pad_val={self.seg_pad_val}, center={self.center}, auto_bound={self.auto_bound})'
        )


@TRANSFORMS.register_module()
class RandomRotFlip(BaseTransform):
    """With `rotate_prob` rotate by an angle in `degree`; else, with `flip_prob`, turn by quarters and flip an axis."""

    def __init__(
        self,
        rotate_prob: float = 0.5,
        flip_prob: float = 0.5,
        degree: float | tuple[float, float] = (-20, 20),
    ) -> None:
        if not (0 <= rotate_prob <= 1 and 0 <= flip_prob <= 1):
            raise ValueError(f'probabilities should be in [0, 1], but got {rotate_prob}, {flip_prob}')
        self.rotate_prob = rotate_prob
        self.flip_prob = flip_prob
        self.degree = _range(degree)

    def random_rot_flip(self, results: dict) -> dict:
        quarters, axis = np.random.randint(0, 4), np.random.randint(0, 2)
        for key in ['img', *results.get('seg_fields', [])]:
            results[key] = np.flip(np.rot90(results[key], quarters), axis=axis).copy()
        results['img_shape'] = results['img'].shape[:2]
        return results

    def random_rotate(self, results: dict) -> dict:
        rotate_sample(results, np.random.uniform(min(self.degree), max(self.degree)), seg_pad_val=0)
        return results

    def transform(self, results: dict) -> dict:
        if np.random.rand() < self.rotate_prob:
            return self.random_rotate(results)
        if np.random.rand() < self.flip_prob:
            return self.random_rot_flip(results)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(rotate_prob={self.rotate_prob}, flip_prob={self.flip_prob}, degree={self.degree})'
        )
