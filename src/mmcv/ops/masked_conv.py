"""Convolution at some positions only."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.utils import _pair


def masked_conv2d(
    features: torch.Tensor,
    mask: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    padding: int | tuple[int, int] = 0,
    stride: int | tuple[int, int] = 1,
) -> torch.Tensor:
    """A convolution `(N, C, H, W)` of which only outputs where `mask` `(N, H', W')` is positive are computed.

    The others are 0. Costs as much as there are positions.
    """
    (pad_y, pad_x), (step_y, step_x) = _pair(padding), _pair(stride)
    out_channels, _, height, width = weight.shape
    out = features.new_zeros(len(features), *mask.shape[1:], out_channels)
    n, y, x = (mask > 0).nonzero(as_tuple=True)
    padded = F.pad(features, (pad_x, pad_x, pad_y, pad_y))
    rows = (y * step_y)[:, None, None] + torch.arange(height, device=y.device)[:, None]
    columns = (x * step_x)[:, None, None] + torch.arange(width, device=x.device)
    patches = padded[n[:, None, None], :, rows, columns]  # (positions, height, width, C)
    value = torch.einsum('phwc,ochw->po', patches, weight)
    if bias is not None:
        value = value + bias
    return out.index_put((n, y, x), value).permute(0, 3, 1, 2)


class MaskedConv2d(nn.Conv2d):
    """A convolution that takes a mask of the output positions to compute, see `masked_conv2d`; all without one."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)  # type: ignore[arg-type]

    def forward(self, input: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is None:
            return super().forward(input)
        if self.groups != 1 or self.dilation != (1, 1):
            return super().forward(input) * (mask > 0)[:, None]
        return masked_conv2d(input, mask, self.weight, self.bias, self.padding, self.stride)  # type: ignore[arg-type]
