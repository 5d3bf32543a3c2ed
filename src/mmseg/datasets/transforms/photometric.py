"""Colours and tones."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mmcv.image import clahe
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

_LEVELS = np.arange(256, dtype=np.float32)
_IDENTITY = np.arange(256, dtype=np.uint8)


def _linear_table(alpha: float = 1, beta: float = 0) -> np.ndarray:
    """uint8 to uint8: `alpha * v + beta`, clipped, rounded down."""
    return np.clip(_LEVELS * np.float32(alpha) + np.float32(beta), 0, 255).astype(np.uint8)


@TRANSFORMS.register_module()
class PhotoMetricDistortion(BaseTransform):
    """Random brightness, contrast (before or after the next two), saturation and hue, each with probability one half.

    From SSD, https://arxiv.org/abs/1512.02325. Takes BGR in [0, 255] and gives uint8. On uint8 each step is a table of
    256 values: brightness and contrast need one look-up together, saturation and hue one pass through HSV.
    """

    def __init__(
        self,
        brightness_delta: int = 32,
        contrast_range: Sequence[float] = (0.5, 1.5),
        saturation_range: Sequence[float] = (0.5, 1.5),
        hue_delta: int = 18,
    ) -> None:
        self.brightness_delta = brightness_delta
        self.contrast_lower, self.contrast_upper = contrast_range
        self.saturation_lower, self.saturation_upper = saturation_range
        self.hue_delta = hue_delta

    def convert(self, img: np.ndarray, alpha: float = 1, beta: float = 0) -> np.ndarray:
        """`alpha * img + beta`, clipped, as uint8."""
        if img.dtype == np.uint8:
            return cv2.LUT(img, _linear_table(alpha, beta)).reshape(img.shape)
        return np.clip(img.astype(np.float32) * alpha + beta, 0, 255).astype(np.uint8)

    def _brightness_table(self) -> np.ndarray | None:
        if not np.random.randint(2):
            return None
        return _linear_table(beta=np.random.uniform(-self.brightness_delta, self.brightness_delta))

    def _contrast_table(self) -> np.ndarray | None:
        if not np.random.randint(2):
            return None
        return _linear_table(alpha=np.random.uniform(self.contrast_lower, self.contrast_upper))

    def _hsv_table(self) -> np.ndarray | None:
        """A table a channel of HSV, `(1, 256, 3)`."""
        hue, saturation = None, None
        if np.random.randint(2):
            saturation = _linear_table(alpha=np.random.uniform(self.saturation_lower, self.saturation_upper))
        if np.random.randint(2):
            turn = np.random.randint(-self.hue_delta, self.hue_delta)
            hue = ((np.arange(256) + turn) % 180).astype(np.uint8)
        if hue is None and saturation is None:
            return None
        tables = (_IDENTITY if hue is None else hue, _IDENTITY if saturation is None else saturation, _IDENTITY)
        return np.stack(tables, axis=-1)[None]

    def _in_hsv(self, img: np.ndarray, table: np.ndarray | None) -> np.ndarray:
        if table is None:
            return img
        hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV)
        return cv2.cvtColor(cv2.LUT(hsv, table, dst=hsv), cv2.COLOR_HSV2BGR, dst=hsv)

    def _one_of(self, img: np.ndarray, table: np.ndarray | None) -> np.ndarray:
        return img if table is None else cv2.LUT(img, table)

    def brightness(self, img: np.ndarray) -> np.ndarray:
        """Add a value, half of the time."""
        return self._one_of(img, self._brightness_table())

    def contrast(self, img: np.ndarray) -> np.ndarray:
        """Multiply by a value, half of the time."""
        return self._one_of(img, self._contrast_table())

    def saturation(self, img: np.ndarray) -> np.ndarray:
        """Multiply the saturation by a value, half of the time."""
        if np.random.randint(2):
            table = _linear_table(alpha=np.random.uniform(self.saturation_lower, self.saturation_upper))
            return self._in_hsv(img, np.stack([_IDENTITY, table, _IDENTITY], axis=-1)[None])
        return img

    def hue(self, img: np.ndarray) -> np.ndarray:
        """Turn the hue by a value, half of the time."""
        if np.random.randint(2):
            turn = np.random.randint(-self.hue_delta, self.hue_delta)
            table = ((np.arange(256) + turn) % 180).astype(np.uint8)
            return self._in_hsv(img, np.stack([table, _IDENTITY, _IDENTITY], axis=-1)[None])
        return img

    def transform(self, results: dict) -> dict:
        img = results['img']
        if img.ndim != 3 or img.shape[2] != 3:
            raise ValueError(f'PhotoMetricDistortion takes BGR images (H, W, 3), but got shape {img.shape}')
        if img.dtype != np.uint8:
            img = self.convert(img)
        first = self._brightness_table()
        contrast_first = np.random.randint(2) == 1
        if contrast_first:
            contrast = self._contrast_table()
            first = contrast if first is None else first if contrast is None else contrast[first]
        hsv = self._hsv_table()
        img = self._in_hsv(self._one_of(img, first), hsv)
        results['img'] = img if contrast_first else self.contrast(img)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(brightness_delta={self.brightness_delta}, '
            f'contrast_range=({self.contrast_lower}, {self.contrast_upper}), '
            f'saturation_range=({self.saturation_lower}, {self.saturation_upper}), hue_delta={self.hue_delta})'
        )


@TRANSFORMS.register_module()
class Rerange(BaseTransform):
    """Stretch the values of `img` linearly to [`min_value`, `max_value`], as float."""

    def __init__(self, min_value: float = 0, max_value: float = 255) -> None:
        if min_value >= max_value:
            raise ValueError(f'min_value should be below max_value, but got {min_value} and {max_value}')
        self.min_value = min_value
        self.max_value = max_value

    def transform(self, results: dict) -> dict:
        img = results['img']
        low, high = img.min(), img.max()
        if low == high:
            raise ValueError(f'Rerange cannot stretch an image whose values are all {low}')
        unit = (img - low) / (high - low)
        results['img'] = unit * (self.max_value - self.min_value) + self.min_value
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(min_value={self.min_value}, max_value={self.max_value})'


@TRANSFORMS.register_module()
class CLAHE(BaseTransform):
    """Contrast limited adaptive histogram equalisation of each channel."""

    def __init__(self, clip_limit: float = 40.0, tile_grid_size: tuple[int, int] = (8, 8)) -> None:
        if not isinstance(clip_limit, int | float):
            raise TypeError(f'clip_limit should be a number, but got {clip_limit!r}')
        if len(tile_grid_size) != 2 or not all(isinstance(n, int) for n in tile_grid_size):
            raise ValueError(f'tile_grid_size should be two ints, but got {tile_grid_size}')
        self.clip_limit = clip_limit
        self.tile_grid_size = tile_grid_size

    def transform(self, results: dict) -> dict:
        img = results['img']
        for channel in range(img.shape[2]):
            equalised = clahe(img[:, :, channel], self.clip_limit, self.tile_grid_size)
            img[:, :, channel] = equalised
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(clip_limit={self.clip_limit}, tile_grid_size={self.tile_grid_size})'


@TRANSFORMS.register_module()
class RGB2Gray(BaseTransform):
    """The sum of the channels weighed by `weights`, repeated to `out_channels` (by default as many as there were)."""

    def __init__(
        self, out_channels: int | None = None, weights: tuple[float, float, float] = (0.299, 0.587, 0.114)
    ) -> None:
        if out_channels is not None and out_channels <= 0:
            raise ValueError(f'out_channels should be positive, but got {out_channels}')
        if not isinstance(weights, tuple) or not all(isinstance(w, int | float) for w in weights):
            raise TypeError(f'weights should be a tuple of numbers, but got {weights!r}')
        self.out_channels = out_channels
        self.weights = weights

    def transform(self, results: dict) -> dict:
        img = results['img']
        if img.ndim != 3 or img.shape[2] != len(self.weights):
            raise ValueError(f'RGB2Gray has {len(self.weights)} weights, but the image has shape {img.shape}')
        gray = (img * np.array(self.weights)).sum(axis=2, keepdims=True)
        results['img'] = gray.repeat(self.out_channels or img.shape[2], axis=2)
        results['img_shape'] = results['img'].shape
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(out_channels={self.out_channels}, weights={self.weights})'


@TRANSFORMS.register_module()
class AdjustGamma(BaseTransform):
    """`255 * (v / 255) ** (1 / gamma)` for uint8 values: above 1 brightens."""

    def __init__(self, gamma: float = 1.0) -> None:
        if not isinstance(gamma, int | float) or gamma <= 0:
            raise ValueError(f'gamma should be a positive number, but got {gamma!r}')
        self.gamma = gamma
        self.table = ((np.arange(256) / 255) ** (1 / gamma) * 255).astype(np.uint8)

    def transform(self, results: dict) -> dict:
        results['img'] = cv2.LUT(np.asarray(results['img'], np.uint8), self.table)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(gamma={self.gamma})'
