"""Noise, blur and tones of volumes: `img` is `(C, Z, Y, X)` in float."""

from __future__ import annotations

import numpy as np

from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BioMedicalGaussianNoise(BaseTransform):
    """With probability `prob`, add noise of `mean`, its deviation uniform in `[0, std]`."""

    def __init__(self, prob: float = 0.1, mean: float = 0.0, std: float = 0.1) -> None:
        if not 0 <= prob <= 1 or std < 0:
            raise ValueError(f'prob should be in [0, 1] and std not negative, but got {prob} and {std}')
        self.prob = prob
        self.mean = mean
        self.std = std

    def transform(self, results: dict) -> dict:
        if np.random.rand() < self.prob:
            img = results['img']
            deviation = np.random.uniform(0, self.std)
            noise = np.random.normal(self.mean, deviation, size=img.shape)
            results['img'] = img + noise.astype(img.dtype)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob}, mean={self.mean}, std={self.std})'


def gaussian_blur(volume: np.ndarray, sigmas: tuple[float, ...]) -> np.ndarray:
    """Blur each axis by its sigma, mirrored at the borders, cut off at 4 sigma."""
    for axis, sigma in enumerate(sigmas):
        radius = int(4 * sigma + 0.5)
        weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
        weights /= weights.sum()
        length = volume.shape[axis]
        widths = [(radius, radius) if i == axis else (0, 0) for i in range(volume.ndim)]
        padded = np.pad(volume, widths, mode='symmetric')
        blurred = np.zeros(volume.shape, np.float64)
        for shift, weight in enumerate(weights):
            blurred += weight * padded.take(range(shift, shift + length), axis=axis)
        volume = blurred.astype(volume.dtype)
    return volume


@TRANSFORMS.register_module()
class BioMedicalGaussianBlur(BaseTransform):
    """With probability `prob`, blur each channel with probability `prob_per_channel` by a sigma from `sigma_range`.

    Without `different_sigma_per_channel` all channels share theirs, without `different_sigma_per_axis` all axes.
    """

    def __init__(
        self,
        sigma_range: tuple[float, float] = (0.5, 1.0),
        prob: float = 0.2,
        prob_per_channel: float = 0.5,
        different_sigma_per_channel: bool = True,
        different_sigma_per_axis: bool = True,
    ) -> None:
        if not (0 <= prob <= 1 and 0 <= prob_per_channel <= 1):
            raise ValueError(f'probabilities should be in [0, 1], but got {prob}, {prob_per_channel}')
        if len(sigma_range) != 2 or not 0 < sigma_range[0] <= sigma_range[1]:
            raise ValueError(f'sigma_range should be (low, high), both positive, but got {sigma_range}')
        self.prob = prob
        self.prob_per_channel = prob_per_channel
        self.sigma_range = sigma_range
        self.different_sigma_per_channel = different_sigma_per_channel
        self.different_sigma_per_axis = different_sigma_per_axis

    def _get_valid_sigma(self, value_range: tuple[float, float]) -> tuple[float, ...]:
        """One a spatial axis."""
        if self.different_sigma_per_axis:
            return tuple(np.random.uniform(*value_range) for _ in range(3))
        return (np.random.uniform(*value_range),) * 3

    def transform(self, results: dict) -> dict:
        if np.random.rand() >= self.prob:
            return results
        img = results['img'].copy()
        shared = None if self.different_sigma_per_channel else self._get_valid_sigma(self.sigma_range)
        for channel in range(len(img)):
            if np.random.rand() < self.prob_per_channel:
                img[channel] = gaussian_blur(img[channel], shared or self._get_valid_sigma(self.sigma_range))
        results['img'] = img
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(prob={self.prob}, prob_per_channel={self.prob_per_channel}, '
            f'sigma_range={self.sigma_range}, different_sigma_per_channel={self.different_sigma_per_channel}, '
            f'different_sigma_per_axis={self.different_sigma_per_axis})'
        )


@TRANSFORMS.register_module()
class BioMedicalRandomGamma(BaseTransform):
    """With probability `prob`, raise the values, scaled to [0, 1] by their range, to the power of a gamma.

    It is below or above 1 with equal chances, uniform up to the ends of `gamma_range`. `invert_image` works on the
    negative, `per_channel` scales and draws for each channel, `retain_stats` restores mean and deviation.
    """

    def __init__(
        self,
        prob: float = 0.5,
        gamma_range: tuple[float, float] = (0.5, 2),
        invert_image: bool = False,
        per_channel: bool = False,
        retain_stats: bool = False,
    ) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob should be in [0, 1], but got {prob}')
        if len(gamma_range) != 2 or not 0 < gamma_range[0] <= gamma_range[1]:
            raise ValueError(f'gamma_range should be (low, high), both positive, but got {gamma_range}')
        self.prob = prob
        self.gamma_range = gamma_range
        self.invert_image = invert_image
        self.per_channel = per_channel
        self.retain_stats = retain_stats

    @cache_randomness
    def _do_gamma(self) -> bool:
        return np.random.rand() < self.prob

    def _draw(self) -> float:
        low, high = self.gamma_range
        if np.random.rand() < 0.5 and low < 1:
            return np.random.uniform(low, min(high, 1))
        return np.random.uniform(max(low, 1), high) if high > 1 else np.random.uniform(low, high)

    def _adjust_gamma(self, img: np.ndarray) -> np.ndarray:
        if self.per_channel:
            return np.stack([self._adjusted(channel) for channel in img])
        return self._adjusted(img)

    def _adjusted(self, img: np.ndarray) -> np.ndarray:
        values = -img if self.invert_image else img
        low, extent = values.min(), values.max() - values.min()
        adjusted = ((values - low) / (extent + 1e-7)) ** self._draw() * extent + low
        if self.retain_stats:
            adjusted = (adjusted - adjusted.mean()) / (adjusted.std() + 1e-8) * values.std() + values.mean()
        return (-adjusted if self.invert_image else adjusted).astype(img.dtype)

    def transform(self, results: dict) -> dict:
        if self._do_gamma():
            results['img'] = self._adjust_gamma(results['img'])
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(prob={self.prob}, gamma_range={self.gamma_range}, '
            f'invert_image={self.invert_image}, per_channel={self.per_channel}, retain_stats={self.retain_stats})'
        )
