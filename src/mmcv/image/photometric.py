"""Values of pixels: normalisation, tone curves, enhancement.

Images are `(H, W, C)`, BGR, in [0, 255] unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageEnhance

from mmcv.image import io
from mmcv.image.colorspace import bgr2gray, gray2bgr

_Values = Sequence[float] | np.ndarray


def _row(values: _Values) -> np.ndarray:
    return np.asarray(values, np.float64).reshape(1, -1)


def imnormalize(img: np.ndarray, mean: _Values, std: _Values, to_rgb: bool = True) -> np.ndarray:
    """`(img - mean) / std` a channel, as a new float32 image. With `to_rgb` the channels are reversed first."""
    return imnormalize_(img.astype(np.float32), mean, std, to_rgb)


def imnormalize_(img: np.ndarray, mean: _Values, std: _Values, to_rgb: bool = True) -> np.ndarray:
    """As `imnormalize`, in place; `img` must be floating point."""
    if img.dtype == np.uint8:
        raise TypeError('imnormalize_ works in place and needs a float image; imnormalize takes uint8')
    if to_rgb:
        if img.shape[2:] != (3,):
            raise ValueError(f'to_rgb reverses three channels, but the image has shape {img.shape}; set to_rgb=False')
        cv2.cvtColor(img, cv2.COLOR_BGR2RGB, img)
    cv2.subtract(img, _row(mean), img)
    cv2.multiply(img, 1 / _row(std), img)
    return img


def imdenormalize(img: np.ndarray, mean: _Values, std: _Values, to_bgr: bool = True) -> np.ndarray:
    """`img * std + mean` a channel, as a new image. With `to_bgr` the channels are reversed last."""
    if img.dtype == np.uint8:
        raise TypeError('imdenormalize takes a float image')
    result = cv2.add(cv2.multiply(img, _row(std)), _row(mean))
    return cv2.cvtColor(result, cv2.COLOR_RGB2BGR) if to_bgr else result


def iminvert(img: np.ndarray) -> np.ndarray:
    """255 minus the image."""
    return np.full_like(img, 255) - img


def solarize(img: np.ndarray, thr: int = 128) -> np.ndarray:
    """Invert the values from `thr` upwards."""
    return np.where(img < thr, img, 255 - img)


def posterize(img: np.ndarray, bits: int) -> np.ndarray:
    """Keep the `bits` highest bits of each uint8 value."""
    shift = 8 - bits
    return np.left_shift(np.right_shift(img, shift), shift)


def _pillow(backend: str | None) -> bool:
    name = io.imread_backend if backend is None else backend
    if name not in ('cv2', 'pillow'):
        raise ValueError(f'backend {name!r} is not supported here, use cv2 or pillow')
    return name == 'pillow'


def _pillow_enhance(enhancer: Any, img: np.ndarray, factor: float) -> np.ndarray:
    """Pillow takes the channels as RGB, whatever they are; the grey value is weighed accordingly."""
    rgb = Image.fromarray(cv2.cvtColor(img, cv2.COLOR_BGR2RGB))
    return cv2.cvtColor(np.array(enhancer(rgb).enhance(factor), dtype=img.dtype), cv2.COLOR_RGB2BGR)


def _blend(img: np.ndarray, factor: float, other: np.ndarray) -> np.ndarray:
    """`factor * img + (1 - factor) * other`, clipped and truncated to the image's type."""
    mixed = cv2.addWeighted(img.astype(np.float32), factor, other.astype(np.float32), 1 - factor, 0)
    return np.clip(mixed, 0, 255).astype(img.dtype)


def adjust_color(
    img: np.ndarray,
    alpha: float = 1,
    beta: float | None = None,
    gamma: float = 0,
    backend: str | None = None,
) -> np.ndarray:
    """`img * alpha + gray * beta + gamma`; `beta` is `1 - alpha` by default, so that alpha 0 gives grey."""
    if _pillow(backend):
        return _pillow_enhance(ImageEnhance.Color, img, alpha)
    result = cv2.addWeighted(img, alpha, gray2bgr(bgr2gray(img)), 1 - alpha if beta is None else beta, gamma)
    return result if result.dtype == np.uint8 else np.clip(result, 0, 255)


def adjust_brightness(img: np.ndarray, factor: float = 1.0, backend: str | None = None) -> np.ndarray:
    """Blend with black: 0 is black, 1 the image itself."""
    if _pillow(backend):
        return _pillow_enhance(ImageEnhance.Brightness, img, factor)
    return _blend(img, factor, np.zeros_like(img))


def adjust_contrast(img: np.ndarray, factor: float = 1.0, backend: str | None = None) -> np.ndarray:
    """Blend with the mean grey value: 0 is flat grey, 1 the image itself."""
    if _pillow(backend):
        return _pillow_enhance(ImageEnhance.Contrast, img, factor)
    gray = bgr2gray(img)
    in_range = np.histogram(gray, 256, (0, 255))[0].sum()
    return _blend(img, factor, np.full_like(img, round(gray.sum() / in_range)))


def adjust_sharpness(img: np.ndarray, factor: float = 1.0, kernel: np.ndarray | list | None = None) -> np.ndarray:
    """Blend with a smoothed image: 0 is smooth, 1 the image itself, 2 sharper. The kernel's values sum to 1."""
    smoothing = np.array([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13 if kernel is None else np.asarray(kernel, np.float64)
    if smoothing.ndim != 2:
        raise ValueError(f'kernel should have two dimensions, but got {smoothing.ndim}')
    return _blend(img, factor, cv2.filter2D(img, -1, smoothing))


def adjust_lighting(
    img: np.ndarray, eigval: _Values, eigvec: _Values, alphastd: float = 0.1, to_rgb: bool = True
) -> np.ndarray:
    """Add noise along the principal components of colour ("AlexNet-style PCA noise"), as a new float image.

    `eigval` has 3 values, `eigvec` is `(3, 3)` with a component a column. `to_rgb` reverses the channels first.
    """
    eigenvalues, eigenvectors = np.asarray(eigval), np.asarray(eigvec)
    if eigenvalues.shape != (3,) or eigenvectors.shape != (3, 3):
        raise ValueError(
            f'eigval and eigvec should be (3,) and (3, 3), but got {eigenvalues.shape}, {eigenvectors.shape}'
        )
    alpha = np.random.normal(0, alphastd, (1, 3))
    shift = (eigenvectors * alpha * eigenvalues[None]).sum(axis=1)
    floating = img.astype(np.float32)
    return (cv2.cvtColor(floating, cv2.COLOR_BGR2RGB) if to_rgb else floating) + shift


def adjust_hue(img: np.ndarray, hue_factor: float, backend: str | None = None) -> np.ndarray:
    """Turn the hue by `hue_factor` of a full circle, in [-0.5, 0.5]."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f'hue_factor {hue_factor} is not in [-0.5, 0.5]')
    if not (isinstance(img, np.ndarray) and img.ndim == 3):
        raise TypeError('img should be an array of shape (H, W, 3)')
    turn = np.uint8(int(hue_factor * 255) % 256)
    if _pillow(backend):
        hue, saturation, value = Image.fromarray(cv2.cvtColor(img, cv2.COLOR_BGR2RGB)).convert('HSV').split()
        turned = Image.merge('HSV', (Image.fromarray(np.asarray(hue) + turn), saturation, value))
        return cv2.cvtColor(np.array(turned.convert('RGB'), dtype=img.dtype), cv2.COLOR_RGB2BGR)
    hsv = cv2.cvtColor(img.astype(np.uint8), cv2.COLOR_BGR2HSV_FULL)
    hsv[..., 0] += turn
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR_FULL).astype(img.dtype)


def _per_channel(img: np.ndarray, table_of: Any) -> np.ndarray:
    """Map each of the first three channels by the table that `table_of(its histogram)` makes."""
    channels = []
    for c in range(3):
        channel = img[..., c]
        table = table_of(np.histogram(channel, 256, (0, 255))[0])
        channels.append(table[channel.astype(np.int32)])
    return np.stack(channels, axis=-1).astype(img.dtype)


def imequalize(img: np.ndarray) -> np.ndarray:
    """Equalise the histogram of each channel, as Pillow's `ImageOps.equalize`."""

    def table_of(histogram: np.ndarray) -> np.ndarray:
        occupied = histogram[histogram > 0]
        step = (occupied.sum() - occupied[-1]) // 255
        if step == 0:
            return np.arange(256)
        before = np.concatenate([[0], np.cumsum(histogram)[:-1]])
        return np.clip((before + step // 2) // step, 0, 255)

    return _per_channel(img, table_of)


def auto_contrast(img: np.ndarray, cutoff: float | tuple[float, float] = 0) -> np.ndarray:
    """Stretch each channel to [0, 255] after dropping `cutoff` per cent (low, high) of its pixels."""
    if isinstance(cutoff, tuple) and len(cutoff) != 2:
        raise ValueError(f'cutoff should be a number or (low, high), but got {cutoff}')
    low_cut, high_cut = cutoff if isinstance(cutoff, tuple) else (cutoff, cutoff)

    def trim(histogram: np.ndarray, drop: float) -> np.ndarray:
        """Take `drop` pixels away from the lower end."""
        rest = np.clip(np.cumsum(histogram) - drop, 0, None)
        return np.diff(np.concatenate([[0], rest]))

    def table_of(histogram: np.ndarray) -> np.ndarray:
        pixels = histogram.sum()
        kept = trim(trim(histogram, pixels * low_cut // 100)[::-1], pixels * high_cut // 100)[::-1]
        occupied = np.nonzero(kept)[0]
        low, high = (occupied[0], occupied[-1]) if len(occupied) else (255, 0)
        if low >= high:
            return np.arange(256)
        scale = 255.0 / (high - low)
        return np.clip(np.arange(256) * scale - low * scale, 0, 255)

    return _per_channel(img, table_of)


def lut_transform(img: np.ndarray, lut_table: np.ndarray) -> np.ndarray:
    """Map integer values in [0, 255] by a table of shape `(256,)`."""
    if not (np.min(img) >= 0 and np.max(img) <= 255):
        raise ValueError('lut_transform takes values in [0, 255]')
    if lut_table.shape != (256,):
        raise ValueError(f'lut_table should have shape (256,), but got {lut_table.shape}')
    return cv2.LUT(np.array(img, dtype=np.uint8), lut_table)


def clahe(img: np.ndarray, clip_limit: float = 40.0, tile_grid_size: tuple[int, int] = (8, 8)) -> np.ndarray:
    """Contrast limited adaptive histogram equalisation of a grey image `(H, W)`."""
    if img.ndim != 2 or len(tile_grid_size) != 2:
        raise ValueError(f'clahe takes an (H, W) image and two tile counts, but got {img.shape}, {tile_grid_size}')
    return cv2.createCLAHE(clip_limit, tile_grid_size).apply(np.array(img, dtype=np.uint8))
