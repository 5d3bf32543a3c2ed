"""Deformable convolution, version 2 (arXiv:1811.11168)."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.utils import _pair

from mmengine.registry import MODELS

_Size = int | tuple[int, ...]


def modulated_deform_conv2d(
    input: torch.Tensor,
    offset: torch.Tensor,
    mask: torch.Tensor | None,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: _Size = 1,
    padding: _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
    deform_groups: int = 1,
) -> torch.Tensor:
    """A convolution whose samples are moved by `offset` and weighted by `mask`.

    Args:
        input: `(N, C, H, W)`.
        offset: `(N, deform_groups * kh * kw * 2, H', W')`: for each group and each tap of the kernel (row by row) y
            and x in pixels. Samples between pixels are interpolated, outside there are zeros.
        mask: `(N, deform_groups * kh * kw, H', W')`; `None` is 1.
        weight: `(out, C / groups, kh, kw)`.

    Returns:
        `(N, out, H', W')`.
    """
    strides, pads, dilations = _pair(stride), _pair(padding), _pair(dilation)
    n, c, h, w = input.shape
    out_channels, _, kh, kw = weight.shape
    out_h = (h + 2 * pads[0] - dilations[0] * (kh - 1) - 1) // strides[0] + 1
    out_w = (w + 2 * pads[1] - dilations[1] * (kw - 1) - 1) // strides[1] + 1
    taps = kh * kw
    if tuple(offset.shape) != (n, deform_groups * taps * 2, out_h, out_w):
        raise ValueError(
            f'offset should have the shape {(n, deform_groups * taps * 2, out_h, out_w)}, but got {tuple(offset.shape)}'
        )

    def places(kernel: int, out: int, axis: int) -> torch.Tensor:
        """Pixel of each tap for each output along an axis, without offset: `(kernel, out)`."""
        tap = torch.arange(kernel, device=input.device, dtype=input.dtype) * dilations[axis]
        return torch.arange(out, device=input.device, dtype=input.dtype) * strides[axis] - pads[axis] + tap[:, None]

    offset = offset.view(n * deform_groups, kh, kw, 2, out_h, out_w)
    y = places(kh, out_h, 0)[:, None, :, None] + offset[:, :, :, 0]
    x = places(kw, out_w, 1)[None, :, None, :] + offset[:, :, :, 1]
    grid = torch.stack([(2 * x + 1) / w - 1, (2 * y + 1) / h - 1], dim=-1)
    columns = F.grid_sample(
        input.reshape(n * deform_groups, c // deform_groups, h, w),
        grid.view(n * deform_groups, taps * out_h, out_w, 2),
        align_corners=False,
    ).view(n, deform_groups, c // deform_groups, taps, out_h * out_w)
    if mask is not None:
        columns = columns * mask.view(n, deform_groups, 1, taps, out_h * out_w)
    columns = columns.view(n, groups, c // groups * taps, out_h * out_w)
    kernels = weight.view(groups, out_channels // groups, -1)
    out = torch.matmul(kernels, columns).view(n, out_channels, out_h, out_w)
    return out if bias is None else out + bias.view(1, -1, 1, 1)


class ModulatedDeformConv2d(nn.Module):
    """See `modulated_deform_conv2d`; offset and mask are inputs."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Size,
        stride: _Size = 1,
        padding: _Size = 0,
        dilation: _Size = 1,
        groups: int = 1,
        deform_groups: int = 1,
        bias: bool | str = True,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _pair(kernel_size)
        self.stride = _pair(stride)
        self.padding = _pair(padding)
        self.dilation = _pair(dilation)
        self.groups = groups
        self.deform_groups = deform_groups
        # What ConvModule asks of a convolution.
        self.transposed = False
        self.output_padding = (0,)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *self.kernel_size))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.init_weights()

    def init_weights(self) -> None:
        bound = 1.0 / math.sqrt(self.in_channels * math.prod(self.kernel_size))
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor, offset: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return modulated_deform_conv2d(
            x,
            offset,
            mask,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            self.deform_groups,
        )

    def extra_repr(self) -> str:
        return (
            f'{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, '
            f'padding={self.padding}, dilation={self.dilation}, groups={self.groups}, '
            f'deform_groups={self.deform_groups}, bias={self.bias is not None}'
        )


@MODELS.register_module('DCNv2')
class ModulatedDeformConv2dPack(ModulatedDeformConv2d):
    """Offset and mask come from a convolution of the input, `self.conv_offset`, that starts at 0."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conv_offset = nn.Conv2d(
            self.in_channels,
            self.deform_groups * 3 * math.prod(self.kernel_size),
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
        )
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        if hasattr(self, 'conv_offset'):
            nn.init.zeros_(self.conv_offset.weight)
            nn.init.zeros_(self.conv_offset.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        first, second, mask = self.conv_offset(x).chunk(3, dim=1)
        return super().forward(x, torch.cat([first, second], dim=1), mask.sigmoid())
