"""BiSeNetV2 (Yu et al., BiSeNet V2: Bilateral Network with Guided Aggregation)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule, build_activation_layer, build_norm_layer
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.utils import resize
from mmseg.registry import MODELS


class DetailBranch(BaseModule):
    """Wide, shallow stages of 3x3 convolutions, each of stride 2 (table 1).

    Args:
        detail_channels: Of each stage.
    """

    def __init__(
        self,
        detail_channels: Sequence[int] = (64, 64, 128),
        in_channels: int = 3,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        stages = []
        before = in_channels
        for index, channels in enumerate(detail_channels):
            convs = [ConvModule(before, channels, 3, stride=2, padding=1, **shared)]
            convs += [ConvModule(channels, channels, 3, padding=1, **shared) for _ in range(2 if index else 1)]
            stages.append(nn.Sequential(*convs))
            before = channels
        self.detail_branch = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.detail_branch:
            x = stage(x)
        return x


class StemBlock(BaseModule):
    """To 1/4 of the input, by convolution and by pooling at once (figure 4a)."""

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 16,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.conv_first = ConvModule(in_channels, out_channels, 3, stride=2, padding=1, **shared)
        self.convs = nn.Sequential(
            ConvModule(out_channels, out_channels // 2, 1, **shared),
            ConvModule(out_channels // 2, out_channels, 3, stride=2, padding=1, **shared),
        )
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.fuse_last = ConvModule(out_channels * 2, out_channels, 3, padding=1, **shared)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_first(x)
        return self.fuse_last(torch.cat([self.convs(x), self.pool(x)], dim=1))


class GELayer(BaseModule):
    """Gather and expansion: an inverted residual that begins with a 3x3 convolution (figure 5).

    Args:
        exp_ratio: Factor by which the depthwise convolutions widen.
        stride: 1, with equal channels, or 2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        exp_ratio: int = 6,
        stride: int = 1,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        width = in_channels * exp_ratio
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg}
        self.conv1 = ConvModule(in_channels, in_channels, 3, padding=1, act_cfg=act_cfg, **shared)
        if stride == 1:
            self.dwconv = nn.Sequential(
                ConvModule(in_channels, width, 3, padding=1, groups=in_channels, act_cfg=act_cfg, **shared)
            )
            self.shortcut: nn.Sequential | None = None
        else:
            self.dwconv = nn.Sequential(
                ConvModule(in_channels, width, 3, stride, padding=1, groups=in_channels, act_cfg=None, **shared),
                ConvModule(width, width, 3, padding=1, groups=width, act_cfg=act_cfg, **shared),
            )
            self.shortcut = nn.Sequential(
                DepthwiseSeparableConvModule(in_channels, out_channels, 3, stride, padding=1, act_cfg=None, **shared)
            )
        self.conv2 = nn.Sequential(ConvModule(width, out_channels, 1, act_cfg=None, **shared))
        self.act = build_activation_layer(act_cfg)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.dwconv(self.conv1(x)))
        return self.act(out + (x if self.shortcut is None else self.shortcut(x)))


class CEBlock(BaseModule):
    """Context embedding: the mean over the image, convolved and added to every pixel (figure 4b)."""

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 16,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.out_channels = out_channels
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.gap = nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), build_norm_layer(norm_cfg, in_channels)[1])
        self.conv_gap = ConvModule(in_channels, out_channels, 1, **shared)
        self.conv_last = ConvModule(out_channels, out_channels, 3, padding=1, **shared)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_last(x + self.conv_gap(self.gap(x)))


class SemanticBranch(BaseModule):
    """Narrow, deep stages from 1/4 to 1/32 of the input (table 1).

    Args:
        semantic_channels: Of each stage.
        exp_ratio: Of the gather and expansion layers.
    """

    def __init__(
        self,
        semantic_channels: Sequence[int] = (16, 32, 64, 128),
        in_channels: int = 3,
        exp_ratio: int = 6,
        init_cfg: Any = None,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
    ) -> None:
        super().__init__(init_cfg)
        if len(semantic_channels) < 2:
            raise ConfigError(f'semantic_channels should have two entries or more, but is {semantic_channels!r}.')
        self.in_channels = in_channels
        self.semantic_channels = semantic_channels
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        last = len(semantic_channels)
        self.semantic_stages = [f'stage{number}' for number in range(1, last + 1)]
        self.add_module('stage1', StemBlock(in_channels, semantic_channels[0], **shared))
        for number in range(2, last + 1):
            before, channels = semantic_channels[number - 2 : number]
            layers = [GELayer(before, channels, exp_ratio, 2, **shared)]
            layers += [GELayer(channels, channels, exp_ratio, 1, **shared) for _ in range(3 if number == last else 1)]
            self.add_module(f'stage{number}', nn.Sequential(*layers))
        self.semantic_stages.append(f'stage{last}_CEBlock')
        self.add_module(self.semantic_stages[-1], CEBlock(semantic_channels[-1], semantic_channels[-1], **shared))

    def forward(self, x: Tensor) -> list[Tensor]:
        """The output of each stage, and of the context embedding."""
        outs = []
        for name in self.semantic_stages:
            x = getattr(self, name)(x)
            outs.append(x)
        return outs


class BGALayer(BaseModule):
    """Bilateral guided aggregation: each branch gates the other, at both resolutions (figure 6).

    Args:
        out_channels: Of the inputs and the output.
    """

    def __init__(
        self,
        out_channels: int = 128,
        align_corners: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.out_channels = out_channels
        self.align_corners = align_corners
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg}

        def separable() -> nn.Sequential:
            return nn.Sequential(
                DepthwiseSeparableConvModule(
                    out_channels, out_channels, 3, padding=1, act_cfg=None, pw_norm_cfg=None, **shared
                )
            )

        self.detail_dwconv = separable()
        self.detail_down = nn.Sequential(
            ConvModule(out_channels, out_channels, 3, stride=2, padding=1, act_cfg=None, **shared),
            nn.AvgPool2d(kernel_size=3, stride=2, padding=1, ceil_mode=False),
        )
        self.semantic_conv = nn.Sequential(ConvModule(out_channels, out_channels, 3, padding=1, act_cfg=None, **shared))
        self.semantic_dwconv = separable()
        self.conv = ConvModule(out_channels, out_channels, 3, padding=1, act_cfg=act_cfg, **shared)

    def forward(self, x_d: Tensor, x_s: Tensor) -> Tensor:
        """The detail branch at 1/8 and the semantic one at 1/32, to 1/8."""
        detail = self.detail_dwconv(x_d)
        size = detail.shape[2:]
        gate = resize(self.semantic_conv(x_s), size=size, mode='bilinear', align_corners=self.align_corners)
        fine = detail * gate.sigmoid()
        coarse = self.detail_down(x_d) * self.semantic_dwconv(x_s).sigmoid()
        coarse = resize(coarse, size=size, mode='bilinear', align_corners=self.align_corners)
        return self.conv(fine + coarse)


@MODELS.register_module()
class BiSeNetV2(BaseModule):
    """BiSeNetV2: a wide shallow branch for detail, a narrow deep one for semantics, and their aggregation.

    Args:
        detail_channels, semantic_channels: Of the stages of the branches.
        semantic_expansion_ratio: Of the gather and expansion layers.
        bga_channels: Of the aggregation: the last channels of both branches.
        out_indices: Which of: 0, the aggregation; 1 ..., the stages of the semantic branch.
    """

    def __init__(
        self,
        in_channels: int = 3,
        detail_channels: Sequence[int] = (64, 64, 128),
        semantic_channels: Sequence[int] = (16, 32, 64, 128),
        semantic_expansion_ratio: int = 6,
        bga_channels: int = 128,
        out_indices: Sequence[int] = (0, 1, 2, 3, 4),
        align_corners: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        if init_cfg is None:
            init_cfg = [
                {'type': 'Kaiming', 'layer': 'Conv2d'},
                {'type': 'Constant', 'val': 1, 'layer': ['_BatchNorm', 'GroupNorm']},
            ]
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.out_indices = out_indices
        self.detail_channels = detail_channels
        self.semantic_channels = semantic_channels
        self.semantic_expansion_ratio = semantic_expansion_ratio
        self.bga_channels = bga_channels
        self.align_corners = align_corners
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.detail = DetailBranch(detail_channels, in_channels, **shared)
        self.semantic = SemanticBranch(semantic_channels, in_channels, semantic_expansion_ratio, **shared)
        self.bga = BGALayer(bga_channels, align_corners, **shared)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        semantic = self.semantic(x)
        outs = [self.bga(self.detail(x), semantic[-1]), *semantic[:-1]]
        return tuple(outs[index] for index in self.out_indices)
