"""Resampling by a filter: upsample with zeros, pad, filter, take every n-th (StyleGAN2, arXiv:1912.04958)."""

from __future__ import annotations

import torch
from torch.nn import functional as F
from torch.nn.modules.utils import _pair


def _padding(padding: int | list[int]) -> list[int]:
    """Left, right, top, bottom of one number, of two (x, y), or of four."""
    values = [padding] * 2 if isinstance(padding, int) else list(padding)
    return [values[0], values[0], values[1], values[1]] if len(values) == 2 else values


def _sides(filter: torch.Tensor | None) -> tuple[int, int]:
    """Width and height of a filter; a separable one has its length twice."""
    return (1, 1) if filter is None else (filter.shape[-1], filter.shape[0])


def upfirdn2d(
    input: torch.Tensor,
    filter: torch.Tensor | None,
    up: int = 1,
    down: int = 1,
    padding: int | list[int] = 0,
    flip_filter: bool = False,
    gain: float | int = 1,
    use_custom_op: bool = True,
) -> torch.Tensor:
    """Upsample, filter and downsample images.

    Args:
        input: `(N, C, H, W)`.
        filter: `(h, w)`, or `(n,)` for both directions one after the other, or None for none.
        up, down: whole factors, or pairs of them for x and y.
        padding: of the upsampled image: a number, `[x, y]` or `[left, right, top, bottom]`; negative ones crop.
        flip_filter: correlate instead of convolving.
        gain: factor.
        use_custom_op: taken and makes no difference.
    """
    up_x, up_y = _pair(up)
    down_x, down_y = _pair(down)
    n, c, h, w = input.shape
    x = F.pad(input.reshape(n, c, h, 1, w, 1), (0, up_x - 1, 0, 0, 0, up_y - 1)).reshape(n, c, h * up_y, w * up_x)
    x = F.pad(x, _padding(padding))
    if filter is None:
        filter = input.new_ones(1, 1)
    filter = (filter * gain ** (filter.ndim / 2)).to(x.dtype)
    if not flip_filter:
        filter = filter.flip(list(range(filter.ndim)))
    parts = [filter] if filter.ndim == 2 else [filter[:, None], filter[None]]
    for part in parts:
        x = F.conv2d(x, part.expand(c, 1, *part.shape), groups=c)
    return x[:, :, ::down_y, ::down_x]


def filter2d(
    input: torch.Tensor,
    filter: torch.Tensor,
    padding: int | list[int] = 0,
    flip_filter: bool = False,
    gain: float | int = 1,
    use_custom_op: bool = True,
) -> torch.Tensor:
    """Filter images; `padding` comes on top of what keeps their size. See `upfirdn2d`."""
    (width, height), (x0, x1, y0, y1) = _sides(filter), _padding(padding)
    pads = [x0 + width // 2, x1 + (width - 1) // 2, y0 + height // 2, y1 + (height - 1) // 2]
    return upfirdn2d(input, filter, padding=pads, flip_filter=flip_filter, gain=gain)


def upsample2d(
    input: torch.Tensor,
    filter: torch.Tensor,
    up: int = 2,
    padding: int | list[int] = 0,
    flip_filter: bool = False,
    gain: float | int = 1,
    use_custom_op: bool = True,
) -> torch.Tensor:
    """Enlarge images by a whole factor and keep their brightness. See `upfirdn2d`."""
    (up_x, up_y), (width, height), (x0, x1, y0, y1) = _pair(up), _sides(filter), _padding(padding)
    pads = [
        x0 + (width + up_x - 1) // 2,
        x1 + (width - up_x) // 2,
        y0 + (height + up_y - 1) // 2,
        y1 + (height - up_y) // 2,
    ]
    return upfirdn2d(input, filter, up=up, padding=pads, flip_filter=flip_filter, gain=gain * up_x * up_y)


def downsample2d(
    input: torch.Tensor,
    filter: torch.Tensor,
    down: int = 2,
    padding: int | list[int] = 0,
    flip_filter: bool = False,
    gain: float | int = 1,
    use_custom_op: bool = True,
) -> torch.Tensor:
    """Shrink images by a whole factor. See `upfirdn2d`."""
    (down_x, down_y), (width, height), (x0, x1, y0, y1) = _pair(down), _sides(filter), _padding(padding)
    pads = [
        x0 + (width - down_x + 1) // 2,
        x1 + (width - down_x) // 2,
        y0 + (height - down_y + 1) // 2,
        y1 + (height - down_y) // 2,
    ]
    return upfirdn2d(input, filter, down=down, padding=pads, flip_filter=flip_filter, gain=gain)
