"""STDC (Fan et al., Rethinking BiSeNet For Real-time Semantic Segmentation)."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.bisenetv1 import AttentionRefinementModule
from mmseg.models.backbones.resnet import pretrained_init
from mmseg.models.utils import resize
from mmseg.registry import MODELS


class STDCModule(BaseModule):
    """Short-term dense concatenation: a chain of ever narrower convolutions whose outputs are concatenated (figure 3).

    Args:
        stride: 1 or 2.
        num_convs: Length of the chain.
        fusion_type: `'cat'`: with stride 2, the first output is pooled before the concatenation. `'add'`: the input
            is added to the concatenation.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        num_convs: int = 4,
        fusion_type: str = 'add',
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        if num_convs < 2:
            raise ConfigError(f'num_convs of STDC should be 2 or more, but is {num_convs}.')
        if fusion_type not in ('add', 'cat'):
            raise ConfigError(f"The fusion of STDC should be 'add' or 'cat', but is {fusion_type!r}.")
        self.stride = stride
        self.with_downsample = stride == 2
        self.fusion_type = fusion_type
        self.layers = nn.ModuleList()
        half = out_channels // 2
        first = ConvModule(in_channels, half, 1, norm_cfg=norm_cfg)
        if self.with_downsample:
            plain: dict[str, Any] = {'norm_cfg': norm_cfg, 'act_cfg': None}
            self.downsample = ConvModule(half, half, 3, stride=2, padding=1, groups=half, **plain)
            if fusion_type == 'add':
                self.layers.append(nn.Sequential(first, self.downsample))
                self.skip: nn.Module = nn.Sequential(
                    ConvModule(in_channels, in_channels, 3, stride=2, padding=1, groups=in_channels, **plain),
                    ConvModule(in_channels, out_channels, 1, **plain),
                )
            else:
                self.layers.append(first)
                self.skip = nn.AvgPool2d(kernel_size=3, stride=2, padding=1)
        else:
            self.layers.append(first)
        for index in range(1, num_convs):
            # Halved each time, but the last two are equal, so that all together have out_channels.
            width = out_channels // 2 ** min(index + 1, num_convs - 1)
            before = out_channels // 2**index
            self.layers.append(ConvModule(before, width, 3, padding=1, norm_cfg=norm_cfg, act_cfg=act_cfg))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.forward_cat(inputs) if self.fusion_type == 'cat' else self.forward_add(inputs)

    def forward_add(self, inputs: Tensor) -> Tensor:
        outs = []
        x = inputs
        for layer in self.layers:
            x = layer(x)
            outs.append(x)
        return torch.cat(outs, dim=1) + (self.skip(inputs) if self.with_downsample else inputs)

    def forward_cat(self, inputs: Tensor) -> Tensor:
        first, *rest = self.layers
        x = first(inputs)
        outs = [x]
        if self.with_downsample:
            outs = [self.skip(x)]
            x = self.downsample(x)
        for layer in rest:
            x = layer(x)
            outs.append(x)
        return torch.cat(outs, dim=1)


class FeatureFusionModule(BaseModule):
    """The spatial and the context feature concatenated, convolved, and weighed by channel.

    Args:
        scale_factor: By which the gate is narrower between its two convolutions.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        scale_factor: int = 4,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        width = out_channels // scale_factor
        self.conv0 = ConvModule(in_channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool2d((1, 1)),
            ConvModule(out_channels, width, 1, bias=False, act_cfg=act_cfg),
            ConvModule(width, out_channels, 1, bias=False, act_cfg=None),
            nn.Sigmoid(),
        )

    def forward(self, spatial_inputs: Tensor, context_inputs: Tensor) -> Tensor:
        fused = self.conv0(torch.cat([spatial_inputs, context_inputs], dim=1))
        return fused + fused * self.attention(fused)


@MODELS.register_module()
class STDCNet(BaseModule):
    """Two convolutions and three stages of STDC modules, each of stride 2.

    Args:
        stdc_type: `'STDCNet1'` or `'STDCNet2'`.
        channels: Of the two convolutions and the stages.
        bottleneck_type: The `fusion_type` of the modules, `'cat'` or `'add'`.
        num_convs: Of each module.
        with_final_conv: A pointwise convolution after the last stage.
    """

    arch_settings: dict[str, list[tuple[int, ...]]] = {
        'STDCNet1': [(2, 1), (2, 1), (2, 1)],
        'STDCNet2': [(2, 1, 1, 1), (2, 1, 1, 1, 1), (2, 1, 1)],
    }

    def __init__(
        self,
        stdc_type: str,
        in_channels: int,
        channels: Sequence[int],
        bottleneck_type: str,
        norm_cfg: dict | None,
        act_cfg: dict | None,
        num_convs: int = 4,
        with_final_conv: bool = False,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(pretrained_init(pretrained, init_cfg))
        if stdc_type not in self.arch_settings:
            raise ConfigError(f'stdc_type should be one of {list(self.arch_settings)}, but is {stdc_type!r}.')
        stages = self.arch_settings[stdc_type]
        if len(channels) != len(stages) + 2:
            raise ConfigError(f'channels of {stdc_type} should have {len(stages) + 2} entries, but is {channels!r}.')
        self.stage_strides = stages
        self.in_channels = in_channels
        self.channels = channels
        self.bottleneck_type = bottleneck_type
        self.pretrained = pretrained
        self.num_convs = num_convs
        self.with_final_conv = with_final_conv
        shared: dict[str, Any] = {'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.stages = nn.ModuleList(
            [
                ConvModule(in_channels, channels[0], 3, stride=2, padding=1, **shared),
                ConvModule(channels[0], channels[1], 3, stride=2, padding=1, **shared),
            ]
        )
        # The features at 1/2 and 1/4 are not returned.
        self.num_shallow_features = len(self.stages)
        for index, strides in enumerate(stages, start=2):
            stage = self._make_stage(channels[index - 1], channels[index], strides, norm_cfg, act_cfg, bottleneck_type)
            self.stages.append(stage)
        if with_final_conv:
            self.final_conv = ConvModule(channels[-1], max(1024, channels[-1]), 1, **shared)

    def _make_stage(
        self,
        in_channels: int,
        out_channels: int,
        strides: Sequence[int],
        norm_cfg: dict | None,
        act_cfg: dict | None,
        bottleneck_type: str,
    ) -> nn.Sequential:
        return nn.Sequential(
            *[
                STDCModule(
                    out_channels if index else in_channels,
                    out_channels,
                    stride,
                    norm_cfg,
                    act_cfg,
                    num_convs=self.num_convs,
                    fusion_type=bottleneck_type,
                )
                for index, stride in enumerate(strides)
            ]
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The outputs of the stages, at 1/8, 1/16 and 1/32."""
        outs = []
        for stage in self.stages:
            x = stage(x)
            outs.append(x)
        if self.with_final_conv:
            outs[-1] = self.final_conv(outs[-1])
        return tuple(outs[self.num_shallow_features :])


@MODELS.register_module()
class STDCContextPathNet(BaseModule):
    """A backbone whose coarse features are refined, brought up and fused with the finest one.

    The outputs are the finest feature of the backbone, the refined ones (coarse first), and the fusion.

    Args:
        backbone_cfg: Of a backbone that returns features at 1/8, 1/16 and 1/32.
        last_in_channels: Channels of the features that are refined, coarsest first.
        out_channels: Of the refined features.
        ffm_cfg: Arguments of the fusion.
        upsample_mode, align_corners: Of the interpolation.
    """

    def __init__(
        self,
        backbone_cfg: dict,
        last_in_channels: Sequence[int] = (1024, 512),
        out_channels: int = 128,
        ffm_cfg: dict = {'in_channels': 512, 'out_channels': 256, 'scale_factor': 4},
        upsample_mode: str = 'nearest',
        align_corners: bool | None = None,
        norm_cfg: dict = {'type': 'BN'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone_cfg)
        self.arms = nn.ModuleList(
            AttentionRefinementModule(channels, out_channels, norm_cfg=norm_cfg) for channels in last_in_channels
        )
        self.convs = nn.ModuleList(
            ConvModule(out_channels, out_channels, 3, padding=1, norm_cfg=norm_cfg) for _ in last_in_channels
        )
        self.conv_avg = ConvModule(last_in_channels[0], out_channels, 1, norm_cfg=norm_cfg)
        self.ffm = FeatureFusionModule(**{'norm_cfg': norm_cfg, **ffm_cfg})
        self.upsample_mode = upsample_mode
        self.align_corners = align_corners

    def _resize(self, x: Tensor, like: Tensor) -> Tensor:
        return resize(x, size=like.shape[2:], mode=self.upsample_mode, align_corners=self.align_corners)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        outs = list(self.backbone(x))
        coarse_first = outs[::-1]
        context = self._resize(self.conv_avg(F.adaptive_avg_pool2d(outs[-1], 1)), coarse_first[0])
        refined = []
        for index, (arm, conv) in enumerate(zip(self.arms, self.convs, strict=True)):
            context = conv(self._resize(arm(coarse_first[index]) + context, coarse_first[index + 1]))
            refined.append(context)
        return (outs[0], *refined, self.ffm(outs[0], refined[-1]))
