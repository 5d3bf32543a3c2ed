"""Cells that join two feature maps (NAS-FPN, arXiv:1904.07392, section 3.1)."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from mmcv.cnn import ConvModule


class BaseMergeCell(nn.Module):
    """Resizes two maps to one size, joins them and convolves the result.

    Args:
        fused_channels: of the joined map.
        out_channels: of the result.
        with_out_conv: convolve the joined map.
        out_conv_cfg, out_norm_cfg, out_conv_order: of that convolution.
        with_input1_conv, with_input2_conv: convolve the inputs first.
        input_conv_cfg, input_norm_cfg: of these convolutions.
        upsample_mode: `nearest` or `bilinear`.
    """

    def __init__(
        self,
        fused_channels: int | None = 256,
        out_channels: int | None = 256,
        with_out_conv: bool = True,
        out_conv_cfg: dict = {'groups': 1, 'kernel_size': 3, 'padding': 1, 'bias': True},
        out_norm_cfg: dict | None = None,
        out_conv_order: tuple = ('act', 'conv', 'norm'),
        with_input1_conv: bool = False,
        with_input2_conv: bool = False,
        input_conv_cfg: dict | None = None,
        input_norm_cfg: dict | None = None,
        upsample_mode: str = 'nearest',
    ) -> None:
        super().__init__()
        if upsample_mode not in ('nearest', 'bilinear'):
            raise ValueError(f"upsample_mode should be 'nearest' or 'bilinear', but got {upsample_mode!r}")
        self.with_out_conv = with_out_conv
        self.with_input1_conv = with_input1_conv
        self.with_input2_conv = with_input2_conv
        self.upsample_mode = upsample_mode
        if with_out_conv:
            self.out_conv = ConvModule(
                fused_channels,  # type: ignore[arg-type]
                out_channels,  # type: ignore[arg-type]
                **out_conv_cfg,
                norm_cfg=out_norm_cfg,
                order=out_conv_order,
            )
        self.input1_conv = self._build_input_conv(out_channels, input_conv_cfg, input_norm_cfg, with_input1_conv)
        self.input2_conv = self._build_input_conv(out_channels, input_conv_cfg, input_norm_cfg, with_input2_conv)

    def _build_input_conv(
        self, channel: int | None, conv_cfg: dict | None, norm_cfg: dict | None, wanted: bool = True
    ) -> nn.Module:
        if not wanted:
            return nn.Sequential()
        options = {'kernel_size': 3, 'padding': 1, 'bias': True} if conv_cfg is None else conv_cfg
        return ConvModule(channel, channel, **options, norm_cfg=norm_cfg)  # type: ignore[arg-type]

    @abstractmethod
    def _binary_op(self, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
        """Join two maps of one size."""

    def _resize(self, x: torch.Tensor, size: Any) -> torch.Tensor:
        height, width = x.shape[-2:]
        if (height, width) == tuple(size):
            return x
        if height < size[0] or width < size[1]:
            return F.interpolate(x, size=tuple(size), mode=self.upsample_mode)
        kernel = (math.ceil(height / size[0]), math.ceil(width / size[1]))
        missing_y, missing_x = kernel[0] * size[0] - height, kernel[1] * size[1] - width
        if missing_y or missing_x:
            padding = (missing_x // 2, missing_x - missing_x // 2, missing_y // 2, missing_y - missing_y // 2)
            x = F.pad(x, padding)
        return F.max_pool2d(x, kernel, stride=kernel)

    def forward(self, x1: torch.Tensor, x2: torch.Tensor, out_size: tuple | None = None) -> torch.Tensor:
        """Maps `(N, C, H, W)` of any two sizes; the result has `out_size`, by default that of the larger one."""
        size = max(x1.shape[2:], x2.shape[2:]) if out_size is None else out_size
        x1 = self._resize(self.input1_conv(x1), size)
        x2 = self._resize(self.input2_conv(x2), size)
        x = self._binary_op(x1, x2)
        return self.out_conv(x) if self.with_out_conv else x


class SumCell(BaseMergeCell):
    """The sum."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__(in_channels, out_channels, **kwargs)

    def _binary_op(self, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
        return x1 + x2


class ConcatCell(BaseMergeCell):
    """Both, one behind the other."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__(in_channels * 2, out_channels, **kwargs)

    def _binary_op(self, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
        return torch.cat([x1, x2], dim=1)


class GlobalPoolingCell(BaseMergeCell):
    """The second, and the first weighted by the means of the second's channels."""

    def __init__(self, in_channels: int | None = None, out_channels: int | None = None, **kwargs: Any) -> None:
        super().__init__(in_channels, out_channels, **kwargs)

    def _binary_op(self, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
        return x2 + x2.mean((2, 3), keepdim=True).sigmoid() * x1
