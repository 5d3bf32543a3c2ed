"""Take the colour away by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS
from mmcv.transforms.utils import cache_randomness


@TRANSFORMS.register_module()
class RandomGrayscale(BaseTransform):
    """With probability `prob` the channels become their average, weighed by `channel_weights`.

    The result is `(H, W)`, or has its channels repeated with `keep_channels`. `color_format` is informative.
    """

    def __init__(
        self,
        prob: float = 0.1,
        keep_channels: bool = False,
        channel_weights: Sequence[float] = (1.0, 1.0, 1.0),
        color_format: str = 'bgr',
    ) -> None:
        if not 0.0 <= prob <= 1.0:
            raise ValueError(f'the range of prob is [0, 1], but got {prob}')
        if color_format not in ('single', 'bgr', 'rgb'):
            raise ValueError(f"color_format should be 'single', 'bgr' or 'rgb', but got {color_format!r}")
        self.prob = prob
        self.keep_channels = keep_channels
        self.channel_weights = channel_weights
        self.color_format = color_format

    @cache_randomness
    def _random_prob(self) -> float:
        return np.random.random()

    def transform(self, results: dict) -> dict:
        img = results['img']
        if img.ndim == 2:
            img = img[..., None]
        if img.shape[2] == 1 or self._random_prob() >= self.prob:
            return results
        if len(self.channel_weights) != img.shape[2]:
            raise ValueError(f'{len(self.channel_weights)} channel_weights for {img.shape[2]} channels')
        weights = np.asarray(self.channel_weights, np.float64)
        gray = (img * (weights / weights.sum())).sum(axis=2).astype(img.dtype)
        results['img'] = np.repeat(gray[..., None], img.shape[2], axis=2) if self.keep_channels else gray
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(prob={self.prob}, keep_channels={self.keep_channels}, '
            f'channel_weights={self.channel_weights}, color_format={self.color_format})'
        )
