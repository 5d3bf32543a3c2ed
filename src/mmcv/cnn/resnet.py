"""ResNet, without registry and configs."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from mmcv.cnn.plain_init import hold_batch_norm, init_or_load


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A 3x3 convolution without bias."""
    return nn.Conv2d(
        in_planes, out_planes, kernel_size=3, stride=stride, padding=dilation, dilation=dilation, bias=False
    )


def _check_style(style: str) -> None:
    if style not in ('pytorch', 'caffe'):
        raise ValueError(f"style should be 'pytorch' or 'caffe', but got {style!r}")


class _Block(nn.Module):
    downsample: nn.Module | None
    with_cp: bool
    relu: nn.Module

    def _layers(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _residual(self, x: torch.Tensor) -> torch.Tensor:
        return self._layers(x) + (x if self.downsample is None else self.downsample(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.with_cp and x.requires_grad:
            return self.relu(checkpoint(self._residual, x, use_reentrant=False))
        return self.relu(self._residual(x))


class BasicBlock(_Block):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        dilation: int = 1,
        downsample: nn.Module | None = None,
        style: str = 'pytorch',
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        _check_style(style)
        self.conv1 = conv3x3(inplanes, planes, stride, dilation)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample
        self.stride = stride
        self.dilation = dilation
        self.with_cp = with_cp

    def _layers(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))


class Bottleneck(_Block):
    """1x1, 3x3 and 1x1 convolutions and a shortcut.

    Args:
        style: which convolution has the stride: the 3x3 (`'pytorch'`) or the first 1x1 (`'caffe'`).
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        dilation: int = 1,
        downsample: nn.Module | None = None,
        style: str = 'pytorch',
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        _check_style(style)
        conv1_stride, conv2_stride = (1, stride) if style == 'pytorch' else (stride, 1)
        self.conv1 = nn.Conv2d(inplanes, planes, kernel_size=1, stride=conv1_stride, bias=False)
        self.conv2 = conv3x3(planes, planes, conv2_stride, dilation)
        self.bn1 = nn.BatchNorm2d(planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride
        self.dilation = dilation
        self.with_cp = with_cp

    def _layers(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.bn3(self.conv3(out))


def make_res_layer(
    block: Any,
    inplanes: int,
    planes: int,
    blocks: int,
    stride: int = 1,
    dilation: int = 1,
    style: str = 'pytorch',
    with_cp: bool = False,
) -> nn.Module:
    """A stage of `blocks` blocks of the class `block`, of which the first one has the stride."""
    width = planes * block.expansion
    downsample = None
    if stride != 1 or inplanes != width:
        downsample = nn.Sequential(
            nn.Conv2d(inplanes, width, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(width)
        )
    layers = [block(inplanes, planes, stride, dilation, downsample, style=style, with_cp=with_cp)]
    layers += [block(width, planes, 1, dilation, style=style, with_cp=with_cp) for _ in range(1, blocks)]
    return nn.Sequential(*layers)


class ResNet(nn.Module):
    """ResNet (He et al., arXiv:1512.03385).

    Args:
        depth: 18, 34, 50, 101 or 152.
        strides, dilations: of each stage.
        out_indices: stages whose output is returned.
        style: see `Bottleneck`.
        frozen_stages: the stem and this many stages are frozen and in eval mode; -1: none.
        bn_eval: batch normalisation stays in eval mode.
        bn_frozen: its weights are frozen, too.
        with_cp: recompute blocks in the backward pass to save memory.
    """

    arch_settings: dict[int, tuple[Any, tuple[int, ...]]] = {
        18: (BasicBlock, (2, 2, 2, 2)),
        34: (BasicBlock, (3, 4, 6, 3)),
        50: (Bottleneck, (3, 4, 6, 3)),
        101: (Bottleneck, (3, 4, 23, 3)),
        152: (Bottleneck, (3, 8, 36, 3)),
    }

    def __init__(
        self,
        depth: int,
        num_stages: int = 4,
        strides: Sequence[int] = (1, 2, 2, 2),
        dilations: Sequence[int] = (1, 1, 1, 1),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        style: str = 'pytorch',
        frozen_stages: int = -1,
        bn_eval: bool = True,
        bn_frozen: bool = False,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        if depth not in self.arch_settings:
            raise ValueError(f'depth of ResNet should be one of {list(self.arch_settings)}, but got {depth}')
        if not 1 <= num_stages <= 4 or not len(strides) == len(dilations) == num_stages:
            raise ValueError(
                f'num_stages should be 1 to 4, with as many strides and dilations, but got num_stages={num_stages}, '
                f'strides={tuple(strides)}, dilations={tuple(dilations)}'
            )
        if max(out_indices) >= num_stages:
            raise ValueError(f'out_indices {tuple(out_indices)} exceed the {num_stages} stages')
        block, stage_blocks = self.arch_settings[depth]
        self.out_indices = out_indices
        self.style = style
        self.frozen_stages = frozen_stages
        self.bn_eval = bn_eval
        self.bn_frozen = bn_frozen
        self.with_cp = with_cp
        self.inplanes = 64
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.res_layers: list[str] = []
        for index, num_blocks in enumerate(stage_blocks[:num_stages]):
            planes = 64 * 2**index
            layer = make_res_layer(
                block, self.inplanes, planes, num_blocks, strides[index], dilations[index], style, with_cp
            )
            self.inplanes = planes * block.expansion
            self.add_module(f'layer{index + 1}', layer)
            self.res_layers.append(f'layer{index + 1}')
        self.feat_dim = self.inplanes

    def init_weights(self, pretrained: str | None = None) -> None:
        """Load a checkpoint, or initialise at random."""
        init_or_load(self, pretrained)

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """`(N, 3, H, W)` to the outputs of `out_indices`: a tuple, or the only one."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        outs = []
        for index, name in enumerate(self.res_layers):
            x = getattr(self, name)(x)
            if index in self.out_indices:
                outs.append(x)
        return outs[0] if len(outs) == 1 else tuple(outs)

    def train(self, mode: bool = True) -> 'ResNet':
        super().train(mode)
        if self.bn_eval:
            hold_batch_norm(self, freeze=self.bn_frozen)
        if mode and self.frozen_stages >= 0:
            for name in ('conv1', 'bn1', *self.res_layers[: self.frozen_stages]):
                getattr(self, name).eval().requires_grad_(False)
        return self
