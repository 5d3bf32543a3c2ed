"""Sizes, flips, rotations, crops and padding.

Images are `(H, W)` or `(H, W, C)`; sizes are `(w, h)` unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from mmcv.image import io

_Scale = float | int | tuple[int, int]

cv2_interp_codes = {
    'nearest': cv2.INTER_NEAREST,
    'bilinear': cv2.INTER_LINEAR,
    'bicubic': cv2.INTER_CUBIC,
    'area': cv2.INTER_AREA,
    'lanczos': cv2.INTER_LANCZOS4,
}
cv2_border_modes = {
    'constant': cv2.BORDER_CONSTANT,
    'replicate': cv2.BORDER_REPLICATE,
    'reflect': cv2.BORDER_REFLECT,
    'wrap': cv2.BORDER_WRAP,
    'reflect_101': cv2.BORDER_REFLECT_101,
    'transparent': cv2.BORDER_TRANSPARENT,
    'isolated': cv2.BORDER_ISOLATED,
}
pillow_interp_codes = {
    'nearest': Image.Resampling.NEAREST,
    'bilinear': Image.Resampling.BILINEAR,
    'bicubic': Image.Resampling.BICUBIC,
    'box': Image.Resampling.BOX,
    'lanczos': Image.Resampling.LANCZOS,
    'hamming': Image.Resampling.HAMMING,
}
_PAD_MODES = {
    'constant': cv2.BORDER_CONSTANT,
    'edge': cv2.BORDER_REPLICATE,
    'reflect': cv2.BORDER_REFLECT_101,
    'symmetric': cv2.BORDER_REFLECT,
}
_FLIP_CODES = {'horizontal': 1, 'vertical': 0, 'diagonal': -1}
_FLIP_AXES: dict[str, int | tuple[int, int]] = {'horizontal': 1, 'vertical': 0, 'diagonal': (0, 1)}
_CV2_DTYPES = frozenset(np.dtype(t) for t in ('u1', 'i1', 'u2', 'i2', 'i4', 'f4', 'f8'))


def _choice(name: str, value: str, table: dict) -> int:
    if value not in table:
        raise ValueError(f'{name} should be one of {sorted(table)}, but got {value!r}')
    return table[value]


def _scale_size(size: tuple[int, int], scale: float | int | tuple[float, float]) -> tuple[int, int]:
    """`size` times `scale` (one for both, or one each), rounded half up."""
    x, y = (scale, scale) if isinstance(scale, int | float) else scale
    return int(size[0] * float(x) + 0.5), int(size[1] * float(y) + 0.5)


def rescale_size(old_size: tuple, scale: _Scale, return_scale: bool = False) -> tuple:
    """The size that keeps the aspect ratio: `scale` is a factor, or the box (long edge, short edge) to fit into."""
    w, h = old_size
    if isinstance(scale, int | float):
        if scale <= 0:
            raise ValueError(f'scale should be positive, but got {scale}')
        factor: float = scale
    elif isinstance(scale, tuple):
        factor = min(max(scale) / max(h, w), min(scale) / min(h, w))
    else:
        raise TypeError(f'scale should be a number or a tuple of int, but got {type(scale)}')
    new_size = _scale_size((w, h), factor)
    return (new_size, factor) if return_scale else new_size


def imresize(
    img: np.ndarray,
    size: tuple[int, int],
    return_scale: bool = False,
    interpolation: str = 'bilinear',
    out: np.ndarray | None = None,
    backend: str | None = None,
) -> tuple[np.ndarray, float, float] | np.ndarray:
    """Resize to `size` `(w, h)`. With `return_scale` also the factors of width and height."""
    h, w = img.shape[:2]
    backend = io.imread_backend if backend is None else backend
    if backend == 'pillow':
        if img.dtype != np.uint8:
            raise TypeError(f'the pillow backend resizes uint8 images only, but got {img.dtype}')
        code = _choice('interpolation', interpolation, pillow_interp_codes)
        resized = np.array(Image.fromarray(img).resize(size, code))
    elif backend == 'cv2':
        code = _choice('interpolation', interpolation, cv2_interp_codes)
        resized = cv2.resize(img, size, dst=out, interpolation=code)
    else:
        raise ValueError(f'backend {backend!r} is not supported here, use cv2 or pillow')
    if return_scale:
        return resized, size[0] / w, size[1] / h
    return resized


def imresize_like(
    img: np.ndarray,
    dst_img: np.ndarray,
    return_scale: bool = False,
    interpolation: str = 'bilinear',
    backend: str | None = None,
) -> tuple[np.ndarray, float, float] | np.ndarray:
    """Resize to the size of `dst_img`."""
    h, w = dst_img.shape[:2]
    return imresize(img, (w, h), return_scale, interpolation, backend=backend)


def imrescale(
    img: np.ndarray,
    scale: _Scale,
    return_scale: bool = False,
    interpolation: str = 'bilinear',
    backend: str | None = None,
) -> np.ndarray | tuple[np.ndarray, float]:
    """Resize and keep the aspect ratio; `scale` as in `rescale_size`."""
    h, w = img.shape[:2]
    new_size, factor = rescale_size((w, h), scale, return_scale=True)
    rescaled = imresize(img, new_size, interpolation=interpolation, backend=backend)
    return (rescaled, factor) if return_scale else rescaled  # type: ignore[return-value]


def imresize_to_multiple(
    img: np.ndarray,
    divisor: int | tuple[int, int],
    size: int | tuple[int, int] | None = None,
    scale_factor: float | int | tuple[float, float] | None = None,
    keep_ratio: bool = False,
    return_scale: bool = False,
    interpolation: str = 'bilinear',
    out: np.ndarray | None = None,
    backend: str | None = None,
) -> tuple[np.ndarray, float, float] | np.ndarray:
    """Resize to `size`, or by `scale_factor`, and up to the next multiple of `divisor` `(w, h)`."""
    h, w = img.shape[:2]
    if (size is None) == (scale_factor is None):
        raise ValueError('exactly one of size and scale_factor should be given')
    if scale_factor is not None:
        size = _scale_size((w, h), scale_factor)
    else:
        size = (size, size) if isinstance(size, int) else size
        assert size is not None
        if keep_ratio:
            size = rescale_size((w, h), size)
    steps = (divisor, divisor) if isinstance(divisor, int) else divisor
    new_w, new_h = (-(-s // d) * d for s, d in zip(size, steps, strict=True))
    return imresize(img, (new_w, new_h), return_scale, interpolation, out, backend)


def imflip(img: np.ndarray, direction: str = 'horizontal') -> np.ndarray:
    """Flip `horizontal`ly (left to right), `vertical`ly or `diagonal`ly (both)."""
    code = _choice('direction', direction, _FLIP_CODES)
    if img.dtype in _CV2_DTYPES and img.ndim in (2, 3) and img.flags.c_contiguous and img.size:
        return cv2.flip(img, code).reshape(img.shape)  # OpenCV drops a last axis of length 1
    return np.flip(img, axis=_FLIP_AXES[direction])


def imflip_(img: np.ndarray, direction: str = 'horizontal') -> np.ndarray:
    """As `imflip`, in place."""
    return cv2.flip(img, _choice('direction', direction, _FLIP_CODES), img)


def imrotate(
    img: np.ndarray,
    angle: float,
    center: tuple[float, float] | None = None,
    scale: float = 1.0,
    border_value: float | tuple[float, ...] = 0,
    interpolation: str = 'bilinear',
    auto_bound: bool = False,
    border_mode: str = 'constant',
) -> np.ndarray:
    """Rotate clockwise by `angle` degrees about `center` `(x, y)`, by default the middle.

    `auto_bound` widens the canvas so that nothing is cut off.
    """
    if center is not None and auto_bound:
        raise ValueError('`auto_bound` conflicts with `center`')
    h, w = img.shape[:2]
    matrix = cv2.getRotationMatrix2D(center or ((w - 1) * 0.5, (h - 1) * 0.5), -angle, scale)
    if auto_bound:
        cos, sin = np.abs(matrix[0, 0]), np.abs(matrix[0, 1])
        new_w, new_h = h * sin + w * cos, h * cos + w * sin
        matrix[:, 2] += (new_w - w) * 0.5, (new_h - h) * 0.5
        w, h = round(new_w), round(new_h)
    return cv2.warpAffine(
        img,
        matrix,
        (w, h),
        flags=_choice('interpolation', interpolation, cv2_interp_codes),
        borderMode=_choice('border_mode', border_mode, cv2_border_modes),
        borderValue=border_value,
    )


def bbox_clip(bboxes: np.ndarray, img_shape: tuple[int, ...]) -> np.ndarray:
    """Clip boxes `(..., 4k)` of x and y to the pixels of an `(h, w)` image."""
    if bboxes.shape[-1] % 4:
        raise ValueError(f'the last axis of bboxes should be a multiple of 4, but the shape is {bboxes.shape}')
    highest = np.tile([img_shape[1] - 1, img_shape[0] - 1], bboxes.shape[-1] // 2).astype(bboxes.dtype)
    return np.maximum(np.minimum(bboxes, highest), 0)


def bbox_scaling(bboxes: np.ndarray, scale: float, clip_shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Scale boxes `(..., 4)` (last pixel included) about their centres; clip to `clip_shape` `(h, w)` if given."""
    if float(scale) == 1.0:
        scaled = bboxes.copy()
    else:
        grow = (bboxes[..., 2:] - bboxes[..., :2] + 1) * (scale - 1) * 0.5
        scaled = bboxes + np.concatenate([-grow, grow], axis=-1)
    return scaled if clip_shape is None else bbox_clip(scaled, clip_shape)


def imcrop(
    img: np.ndarray, bboxes: np.ndarray, scale: float = 1.0, pad_fill: float | list | None = None
) -> np.ndarray | list[np.ndarray]:
    """Cut out boxes `(4,)` or `(k, 4)`: x1, y1, x2, y2 with the last pixel included, scaled about their centres.

    What lies outside is cut away, or filled with `pad_fill` (a value, or one a channel).
    """
    channels = 1 if img.ndim == 2 else img.shape[2]
    if pad_fill is not None:
        fill = [pad_fill] * channels if isinstance(pad_fill, int | float) else list(pad_fill)
        if len(fill) != channels:
            raise ValueError(f'pad_fill has {len(fill)} values, but the image has {channels} channels')
    boxes = bbox_scaling(bboxes[None] if bboxes.ndim == 1 else bboxes, scale).astype(np.int32)
    patches = []
    for (x1, y1, x2, y2), (cx1, cy1, cx2, cy2) in zip(boxes, bbox_clip(boxes, img.shape), strict=True):
        patch = img[cy1 : cy2 + 1, cx1 : cx2 + 1]
        if pad_fill is not None:
            canvas = np.empty((y2 - y1 + 1, x2 - x1 + 1, *img.shape[2:]), img.dtype)
            canvas[...] = fill if img.ndim == 3 else fill[0]
            top, left = max(0, -y1), max(0, -x1)
            canvas[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
            patch = canvas
        patches.append(patch)
    return patches[0] if bboxes.ndim == 1 else patches


def impad(
    img: np.ndarray,
    *,
    shape: tuple[int, int] | None = None,
    padding: int | tuple | None = None,
    pad_val: float | list = 0,
    padding_mode: str = 'constant',
) -> np.ndarray:
    """Pad to at least `shape` `(h, w)` at right and bottom, or by `padding`.

    `padding` is one width, `(left and right, top and bottom)` or `(left, top, right, bottom)`. `pad_val` is a value or
    one a channel. `padding_mode` is `constant`, `edge`, `reflect` or `symmetric`, as in `numpy.pad`.
    """
    if (shape is None) == (padding is None):
        raise ValueError('exactly one of shape and padding should be given')
    if not isinstance(pad_val, int | float | np.number):
        if len(pad_val) != img.shape[-1]:
            raise ValueError(f'pad_val has {len(pad_val)} values, but the image has {img.shape[-1]} channels')
        if len(set(pad_val)) == 1:
            pad_val = pad_val[0]
    if shape is not None:
        left = top = 0
        right, bottom = max(shape[1] - img.shape[1], 0), max(shape[0] - img.shape[0], 0)
    elif isinstance(padding, int):
        left = top = right = bottom = padding
    elif isinstance(padding, tuple) and len(padding) in (2, 4):
        left, top, right, bottom = padding if len(padding) == 4 else padding * 2
    else:
        raise ValueError(f'padding should be an int or a tuple of 2 or 4, but got {padding}')
    mode = _choice('padding_mode', padding_mode, _PAD_MODES)
    if not (left or top or right or bottom):
        return img.copy()
    if img.ndim == 3 and img.shape[2] > 4 and padding_mode == 'constant':
        # OpenCV fills at most four channels.
        padded = np.empty((img.shape[0] + top + bottom, img.shape[1] + left + right, img.shape[2]), img.dtype)
        padded[...] = pad_val
        padded[top : top + img.shape[0], left : left + img.shape[1]] = img
        return padded
    # A single number would fill only the first channel.
    value = [float(pad_val)] * 4 if isinstance(pad_val, int | float | np.number) else list(pad_val)
    padded = cv2.copyMakeBorder(img, top, bottom, left, right, mode, value=value)
    return padded[..., None] if img.ndim == 3 and padded.ndim == 2 else padded


def impad_to_multiple(img: np.ndarray, divisor: int, pad_val: float | list = 0) -> np.ndarray:
    """Pad at right and bottom to the next multiple of `divisor`."""
    h, w = (-(-side // divisor) * divisor for side in img.shape[:2])
    return impad(img, shape=(h, w), pad_val=pad_val)


def _fill_of(img: np.ndarray, value: float | tuple, name: str) -> tuple:
    channels = 1 if img.ndim == 2 else img.shape[2]
    if isinstance(value, int | float):
        return (value,) * channels
    if not isinstance(value, tuple):
        raise TypeError(f'{name} should be a number or a tuple, but got {type(value)}')
    if len(value) != channels:
        raise ValueError(f'{name} has {len(value)} values, but the image has {channels} channels')
    return value


def cutout(img: np.ndarray, shape: int | tuple[int, int], pad_val: int | float | tuple = 0) -> np.ndarray:
    """Fill a rectangle of `shape` `(h, w)` at a random place (Cutout, https://arxiv.org/abs/1708.04552)."""
    cut_h, cut_w = (shape, shape) if isinstance(shape, int) else shape
    fill = _fill_of(img, pad_val, 'pad_val')
    img_h, img_w = img.shape[:2]
    y0, x0 = np.random.uniform(img_h), np.random.uniform(img_w)
    y1, x1 = int(max(0, y0 - cut_h / 2.0)), int(max(0, x0 - cut_w / 2.0))
    result = img.copy()
    result[y1 : min(img_h, y1 + cut_h), x1 : min(img_w, x1 + cut_w)] = fill if img.ndim == 3 else fill[0]
    return result


def _warp(
    img: np.ndarray, matrix: Sequence[Sequence[float]], border_value: float | tuple, interpolation: str
) -> np.ndarray:
    h, w = img.shape[:2]
    return cv2.warpAffine(
        img,
        np.array(matrix, np.float32),
        (w, h),
        borderValue=_fill_of(img, border_value, 'border_value')[:3],
        flags=_choice('interpolation', interpolation, cv2_interp_codes),
    )


def imshear(
    img: np.ndarray,
    magnitude: int | float,
    direction: str = 'horizontal',
    border_value: int | tuple[int, int] = 0,
    interpolation: str = 'bilinear',
) -> np.ndarray:
    """Shift each row (`horizontal`) or column (`vertical`) by `magnitude` times its index."""
    matrices: dict[str, list[list[float]]] = {
        'horizontal': [[1, magnitude, 0], [0, 1, 0]],
        'vertical': [[1, 0, 0], [magnitude, 1, 0]],
    }
    if direction not in matrices:
        raise ValueError(f'direction should be one of {sorted(matrices)}, but got {direction!r}')
    return _warp(img, matrices[direction], border_value, interpolation)


def imtranslate(
    img: np.ndarray,
    offset: int | float,
    direction: str = 'horizontal',
    border_value: int | tuple = 0,
    interpolation: str = 'bilinear',
) -> np.ndarray:
    """Shift by `offset` pixels to the right (`horizontal`) or down (`vertical`)."""
    matrices: dict[str, list[list[float]]] = {
        'horizontal': [[1, 0, offset], [0, 1, 0]],
        'vertical': [[1, 0, 0], [0, 1, offset]],
    }
    if direction not in matrices:
        raise ValueError(f'direction should be one of {sorted(matrices)}, but got {direction!r}')
    return _warp(img, matrices[direction], border_value, interpolation)
