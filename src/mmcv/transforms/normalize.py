"""Shift and scale the channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmcv.image.photometric import imnormalize
from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS


@TRANSFORMS.register_module()
class Normalize(BaseTransform):
    """`(img - mean) / std` a channel, as float32; with `to_rgb` the channels are reversed first.

    Models whose data preprocessor normalises on the device do not need this.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], to_rgb: bool = True) -> None:
        self.mean = np.array(mean, dtype=np.float32)
        self.std = np.array(std, dtype=np.float32)
        self.to_rgb = to_rgb

    def transform(self, results: dict) -> dict:
        results['img'] = imnormalize(results['img'], self.mean, self.std, self.to_rgb)
        results['img_norm_cfg'] = {'mean': self.mean, 'std': self.std, 'to_rgb': self.to_rgb}
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(mean={self.mean}, std={self.std}, to_rgb={self.to_rgb})'
