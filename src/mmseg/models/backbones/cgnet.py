"""CGNet (Wu et al., CGNet: A Light-weight Context Guided Network for Semantic Segmentation)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from mmcv.cnn import ConvModule, build_conv_layer, build_norm_layer
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.resnet import pretrained_init
from mmseg.registry import MODELS


def _act_cfg(cfg: dict, channels: int) -> dict:
    """PReLU has a slope for each channel."""
    return {**cfg, 'num_parameters': channels} if cfg['type'] == 'PReLU' else cfg


class GlobalContextExtractor(nn.Module):
    """Channels weighed by a gate from their means over the image."""

    def __init__(self, channel: int, reduction: int = 16, with_cp: bool = False) -> None:
        super().__init__()
        self.channel = channel
        self.reduction = reduction
        self.with_cp = with_cp
        if not 1 <= reduction <= channel:
            raise ConfigError(f'reduction should be 1 to {channel}, the number of channels, but is {reduction}.')
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channel, channel // reduction),
            nn.ReLU(inplace=True),
            nn.Linear(channel // reduction, channel),
            nn.Sigmoid(),
        )

    def _weigh(self, x: Tensor) -> Tensor:
        return x * self.fc(self.avg_pool(x).flatten(1))[:, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        if self.with_cp and x.requires_grad:
            return checkpoint(self._weigh, x, use_reentrant=False)
        return self._weigh(x)


class ContextGuidedBlock(nn.Module):
    """Local and surrounding context by two depthwise convolutions, weighed by the global context (figure 2).

    Args:
        dilation: Of the convolution for the surrounding context.
        reduction: Of the gate.
        skip_connect: Add the input; not when the block downsamples.
        downsample: Stride 2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dilation: int = 2,
        reduction: int = 16,
        skip_connect: bool = True,
        downsample: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN', 'requires_grad': True},
        act_cfg: dict = {'type': 'PReLU'},
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.with_cp = with_cp
        self.downsample = downsample
        channels = out_channels if downsample else out_channels // 2
        kernel_size, stride, padding = (3, 2, 1) if downsample else (1, 1, 0)
        self.conv1x1 = ConvModule(
            in_channels,
            channels,
            kernel_size,
            stride,
            padding,
            conv_cfg=conv_cfg,
            norm_cfg=norm_cfg,
            act_cfg=_act_cfg(act_cfg, channels),
        )
        depthwise: dict[str, Any] = {'kernel_size': 3, 'groups': channels, 'bias': False}
        self.f_loc = build_conv_layer(conv_cfg, channels, channels, padding=1, **depthwise)
        self.f_sur = build_conv_layer(conv_cfg, channels, channels, padding=dilation, dilation=dilation, **depthwise)
        self.bn = build_norm_layer(norm_cfg, 2 * channels)[1]
        self.activate = nn.PReLU(2 * channels)
        if downsample:
            self.bottleneck = build_conv_layer(conv_cfg, 2 * channels, out_channels, kernel_size=1, bias=False)
        self.skip_connect = skip_connect and not downsample
        self.f_glo = GlobalContextExtractor(out_channels, reduction, with_cp)

    def _residual(self, x: Tensor) -> Tensor:
        out = self.conv1x1(x)
        out = self.activate(self.bn(torch.cat([self.f_loc(out), self.f_sur(out)], dim=1)))
        if self.downsample:
            out = self.bottleneck(out)
        out = self.f_glo(out)
        return x + out if self.skip_connect else out

    def forward(self, x: Tensor) -> Tensor:
        if self.with_cp and x.requires_grad:
            return checkpoint(self._residual, x, use_reentrant=False)
        return self._residual(x)


class InputInjection(nn.Module):
    """The image, pooled by 2 so many times."""

    def __init__(self, num_downsampling: int) -> None:
        super().__init__()
        self.pool = nn.ModuleList(nn.AvgPool2d(3, stride=2, padding=1) for _ in range(num_downsampling))

    def forward(self, x: Tensor) -> Tensor:
        for pool in self.pool:
            x = pool(x)
        return x


@MODELS.register_module()
class CGNet(BaseModule):
    """A stem and two stages of context guided blocks; outputs at 1/2, 1/4 and 1/8 of the input.

    Args:
        num_channels: Of the stem and the two stages.
        num_blocks, dilations, reductions: Of the two stages.
        act_cfg: Of the ConvModules; what is called PReLU stays that.
        norm_eval: BatchNorm stays in eval mode.
        with_cp: Recompute blocks in the backward pass to save memory.
        pretrained: A checkpoint; `init_cfg=dict(type='Pretrained', checkpoint=...)` says the same.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_channels: Sequence[int] = (32, 64, 128),
        num_blocks: Sequence[int] = (3, 21),
        dilations: Sequence[int] = (2, 4),
        reductions: Sequence[int] = (8, 16),
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN', 'requires_grad': True},
        act_cfg: dict = {'type': 'PReLU'},
        norm_eval: bool = False,
        with_cp: bool = False,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        init_cfg = pretrained_init(pretrained, init_cfg)
        if init_cfg is None:
            init_cfg = [
                {'type': 'Kaiming', 'layer': ['Conv2d', 'Linear']},
                {'type': 'Constant', 'val': 1, 'layer': ['_BatchNorm', 'GroupNorm']},
                {'type': 'Constant', 'val': 0, 'layer': 'PReLU'},
            ]
        super().__init__(init_cfg)
        if len(num_channels) != 3:
            raise ConfigError(f'num_channels of CGNet should have three entries, but is {num_channels!r}.')
        for name, values in {'num_blocks': num_blocks, 'dilations': dilations, 'reductions': reductions}.items():
            if len(values) != 2:
                raise ConfigError(f'{name} of CGNet should have two entries, but is {values!r}.')
        self.in_channels = in_channels
        self.num_channels = num_channels
        self.num_blocks = num_blocks
        self.dilations = dilations
        self.reductions = reductions
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = _act_cfg(act_cfg, num_channels[0])
        self.norm_eval = norm_eval
        self.with_cp = with_cp

        width, width1, width2 = num_channels
        self.stem = nn.ModuleList(
            ConvModule(
                width if index else in_channels,
                width,
                3,
                stride=1 if index else 2,
                padding=1,
                conv_cfg=conv_cfg,
                norm_cfg=norm_cfg,
                act_cfg=self.act_cfg,
            )
            for index in range(3)
        )
        self.inject_2x = InputInjection(1)
        self.inject_4x = InputInjection(2)
        channels = width + in_channels
        self.norm_prelu_0 = self._norm_prelu(channels)
        self.level1 = self._make_level(0, channels, act_cfg)
        channels = 2 * width1 + in_channels
        self.norm_prelu_1 = self._norm_prelu(channels)
        self.level2 = self._make_level(1, channels, act_cfg)
        self.norm_prelu_2 = self._norm_prelu(2 * width2)

    def _norm_prelu(self, channels: int) -> nn.Sequential:
        return nn.Sequential(build_norm_layer(self.norm_cfg, channels)[1], nn.PReLU(channels))

    def _make_level(self, index: int, in_channels: int, act_cfg: dict) -> nn.ModuleList:
        channels = self.num_channels[index + 1]
        return nn.ModuleList(
            ContextGuidedBlock(
                channels if block else in_channels,
                channels,
                self.dilations[index],
                self.reductions[index],
                downsample=block == 0,
                conv_cfg=self.conv_cfg,
                norm_cfg=self.norm_cfg,
                act_cfg=act_cfg,
                with_cp=self.with_cp,
            )
            for block in range(self.num_blocks[index])
        )

    @staticmethod
    def _run_level(level: nn.ModuleList, x: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs of the first and the last block."""
        first, *rest = level
        down = x = first(x)
        for block in rest:
            x = block(x)
        return down, x

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        image2, image4 = self.inject_2x(x), self.inject_4x(x)
        for layer in self.stem:
            x = layer(x)
        out0 = self.norm_prelu_0(torch.cat([x, image2], dim=1))
        down, x = self._run_level(self.level1, out0)
        out1 = self.norm_prelu_1(torch.cat([x, down, image4], dim=1))
        down, x = self._run_level(self.level2, out1)
        return out0, out1, self.norm_prelu_2(torch.cat([down, x], dim=1))

    def train(self, mode: bool = True) -> 'CGNet':
        super().train(mode)
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self
