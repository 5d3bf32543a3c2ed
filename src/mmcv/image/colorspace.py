"""Colour spaces. Images are `(H, W, 3)`, uint8 in [0, 255] or float32 in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

# ITU-R BT.601 with footroom (luma 16..235), for values in [0, 1]; rows are R, G, B, columns Y, Cb, Cr.
_RGB_TO_YCBCR = np.array([[65.481, -37.797, 112.0], [128.553, -74.203, -93.786], [24.966, 112.0, -18.214]])
_YCBCR_OFFSET = np.array([16.0, 128.0, 128.0])
# Its inverse, for values in [0, 255]; rows are Y, Cb, Cr, columns R, G, B.
_YCBCR_TO_RGB = np.array(
    [[0.00456621, 0.00456621, 0.00456621], [0.0, -0.00153632, 0.00791071], [0.00625893, -0.00318811, 0.0]]
)
_RGB_OFFSET = np.array([-222.921, 135.576, -276.836])


def imconvert(img: np.ndarray, src: str, dst: str) -> np.ndarray:
    """Convert by the names that OpenCV has for colour spaces: `imconvert(img, 'bgr', 'hsv')`."""
    code = getattr(cv2, f'COLOR_{src.upper()}2{dst.upper()}', None)
    if code is None:
        raise ValueError(f'OpenCV has no conversion from {src!r} to {dst!r}')
    return cv2.cvtColor(img, code)


def bgr2gray(img: np.ndarray, keepdim: bool = False) -> np.ndarray:
    """`(H, W)`, or `(H, W, 1)` with `keepdim`."""
    gray = cv2.cvtColor(img, cv2.COLOR_BGR2GRAY)
    return gray[..., None] if keepdim else gray


def rgb2gray(img: np.ndarray, keepdim: bool = False) -> np.ndarray:
    """`(H, W)`, or `(H, W, 1)` with `keepdim`."""
    gray = cv2.cvtColor(img, cv2.COLOR_RGB2GRAY)
    return gray[..., None] if keepdim else gray


def gray2bgr(img: np.ndarray) -> np.ndarray:
    """From `(H, W)` or `(H, W, 1)` to three equal channels."""
    return cv2.cvtColor(img, cv2.COLOR_GRAY2BGR)


def gray2rgb(img: np.ndarray) -> np.ndarray:
    """From `(H, W)` or `(H, W, 1)` to three equal channels."""
    return cv2.cvtColor(img, cv2.COLOR_GRAY2RGB)


def _unit_range(img: np.ndarray) -> np.ndarray:
    if img.dtype not in (np.uint8, np.float32):
        raise TypeError(f'the image should be np.uint8 or np.float32, but got {img.dtype}')
    unit = img.astype(np.float32)
    return unit / 255 if img.dtype == np.uint8 else unit


def _like(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values in [0, 255] as uint8 (rounding may leave the range: clipped), or as float32 in [0, 1]."""
    return values.round().clip(0, 255).astype(np.uint8) if dtype == np.uint8 else (values / 255).astype(np.float32)


def _to_ycbcr(img: np.ndarray, y_only: bool, matrix: np.ndarray) -> np.ndarray:
    unit = _unit_range(img)
    if y_only:
        return _like(unit @ matrix[:, 0] + _YCBCR_OFFSET[0], img.dtype)
    return _like(unit @ matrix + _YCBCR_OFFSET, img.dtype)


def rgb2ycbcr(img: np.ndarray, y_only: bool = False) -> np.ndarray:
    """ITU-R BT.601 with footroom (Y in 16..235), which is not OpenCV's YCrCb. `(H, W)` with `y_only`."""
    return _to_ycbcr(img, y_only, _RGB_TO_YCBCR)


def bgr2ycbcr(img: np.ndarray, y_only: bool = False) -> np.ndarray:
    """As `rgb2ycbcr`, from BGR."""
    return _to_ycbcr(img, y_only, _RGB_TO_YCBCR[::-1])


def ycbcr2rgb(img: np.ndarray) -> np.ndarray:
    """The inverse of `rgb2ycbcr`."""
    return _like((_unit_range(img) * 255) @ _YCBCR_TO_RGB * 255 + _RGB_OFFSET, img.dtype)


def ycbcr2bgr(img: np.ndarray) -> np.ndarray:
    """The inverse of `bgr2ycbcr`."""
    return _like((_unit_range(img) * 255) @ _YCBCR_TO_RGB[:, ::-1] * 255 + _RGB_OFFSET[::-1], img.dtype)


def _converter(src: str, dst: str) -> Callable[[np.ndarray], np.ndarray]:
    code = getattr(cv2, f'COLOR_{src.upper()}2{dst.upper()}')

    def convert(img: np.ndarray) -> np.ndarray:
        return cv2.cvtColor(img, code)

    convert.__name__ = convert.__qualname__ = f'{src}2{dst}'
    convert.__doc__ = f'From {src.upper()} to {dst.upper()}, with the ranges of OpenCV.'
    return convert


bgr2rgb = _converter('bgr', 'rgb')
rgb2bgr = _converter('rgb', 'bgr')
bgr2hsv = _converter('bgr', 'hsv')
hsv2bgr = _converter('hsv', 'bgr')
bgr2hls = _converter('bgr', 'hls')
hls2bgr = _converter('hls', 'bgr')
