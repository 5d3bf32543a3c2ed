"""Pyramid pooling of DDRNet and PIDNet."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError


class DAPPM(BaseModule):
    """Deep aggregation pyramid pooling (Hong et al., Deep Dual-resolution Networks, section 3.3).

    The input at ever coarser scales; each scale is added to the finer one before it and convolved.

    Args:
        branch_channels: Of each scale.
        num_scales: The input itself, `num_scales - 2` poolings and the mean over the image.
        kernel_sizes, strides, paddings: Of the poolings.
        conv_cfg: Further arguments of the ConvModules (not only of their convolutions).
    """

    def __init__(
        self,
        in_channels: int,
        branch_channels: int,
        out_channels: int,
        num_scales: int,
        kernel_sizes: Sequence[int] = [5, 9, 17],
        strides: Sequence[int] = [2, 4, 8],
        paddings: Sequence[int] = [2, 4, 8],
        norm_cfg: dict = {'type': 'BN', 'momentum': 0.1},
        act_cfg: dict = {'type': 'ReLU', 'inplace': True},
        conv_cfg: dict = {'order': ('norm', 'act', 'conv'), 'bias': False},
        upsample_mode: str = 'bilinear',
    ) -> None:
        super().__init__()
        if not len(kernel_sizes) == len(strides) == len(paddings) == num_scales - 2:
            raise ConfigError(
                f'With num_scales={num_scales}, kernel_sizes, strides and paddings should have {num_scales - 2} '
                f'entries, but are {tuple(kernel_sizes)}, {tuple(strides)} and {tuple(paddings)}.'
            )
        self.num_scales = num_scales
        self.upsample_mode = upsample_mode
        self.in_channels = in_channels
        self.branch_channels = branch_channels
        self.out_channels = out_channels
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        self.conv_cfg = conv_cfg
        shared: dict[str, Any] = {'norm_cfg': norm_cfg, 'act_cfg': act_cfg, **conv_cfg}
        pools: list[nn.Module] = [
            nn.AvgPool2d(kernel_size=kernel, stride=stride, padding=padding)
            for kernel, stride, padding in zip(kernel_sizes, strides, paddings, strict=True)
        ]
        pools.append(nn.AdaptiveAvgPool2d((1, 1)))
        self.scales = nn.ModuleList([ConvModule(in_channels, branch_channels, 1, **shared)])
        for pool in pools:
            self.scales.append(nn.Sequential(pool, ConvModule(in_channels, branch_channels, 1, **shared)))
        self.processes: nn.Module = self._make_processes(shared)
        self.compression = ConvModule(branch_channels * num_scales, out_channels, 1, **shared)
        self.shortcut = ConvModule(in_channels, out_channels, 1, **shared)

    def _make_processes(self, shared: dict[str, Any]) -> nn.Module:
        channels = self.branch_channels
        return nn.ModuleList(ConvModule(channels, channels, 3, padding=1, **shared) for _ in range(self.num_scales - 1))

    def _pyramid(self, inputs: Tensor) -> list[Tensor]:
        """All scales, at the size of the input."""
        first, *rest = self.scales
        size = inputs.shape[2:]
        return [first(inputs), *(F.interpolate(scale(inputs), size, mode=self.upsample_mode) for scale in rest)]

    def forward(self, inputs: Tensor) -> Tensor:
        """`(N, in_channels, H, W)` to `(N, out_channels, H, W)`."""
        first, *rest = self._pyramid(inputs)
        feats = [first]
        for feat, process in zip(rest, self.processes, strict=True):  # type: ignore[call-overload]
            feats.append(process(feat + feats[-1]))
        return self.compression(torch.cat(feats, dim=1)) + self.shortcut(inputs)


class PAPPM(DAPPM):
    """Parallel aggregation (Xu et al., PIDNet, section 4.3): one grouped convolution for all scales.

    Args: Those of DAPPM.
    """

    def _make_processes(self, shared: dict[str, Any]) -> nn.Module:
        groups = self.num_scales - 1
        channels = self.branch_channels * groups
        return ConvModule(channels, channels, 3, padding=1, groups=groups, **shared)

    def forward(self, inputs: Tensor) -> Tensor:
        first, *rest = self._pyramid(inputs)
        feats = self.processes(torch.cat([feat + first for feat in rest], dim=1))
        return self.compression(torch.cat([first, feats], dim=1)) + self.shortcut(inputs)
