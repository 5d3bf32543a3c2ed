"""BiSeNet (Yu et al., Bilateral Segmentation Network for Real-time Semantic Segmentation)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.utils import resize
from mmseg.registry import MODELS


class SpatialPath(BaseModule):
    """Three convolutions of stride 2 and a pointwise one.

    Args:
        num_channels: Of the four convolutions.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_channels: Sequence[int] = (64, 64, 64, 128),
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        if len(num_channels) != 4:
            raise ConfigError(f'The spatial path of BiSeNet has four convolutions, but got channels {num_channels!r}.')
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        first, second, third, last = num_channels
        self.layer1 = ConvModule(in_channels, first, 7, stride=2, padding=3, **shared)
        self.layer2 = ConvModule(first, second, 3, stride=2, padding=1, **shared)
        self.layer3 = ConvModule(second, third, 3, stride=2, padding=1, **shared)
        self.layer4 = ConvModule(third, last, 1, **shared)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class AttentionRefinementModule(BaseModule):
    """A convolution whose channels are weighed by a gate from their means over the image."""

    def __init__(
        self,
        in_channels: int,
        out_channel: int,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg}
        self.conv_layer = ConvModule(in_channels, out_channel, 3, padding=1, act_cfg=act_cfg, **shared)
        self.atten_conv_layer = nn.Sequential(
            nn.AdaptiveAvgPool2d((1, 1)),
            ConvModule(out_channel, out_channel, 1, bias=False, act_cfg=None, **shared),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_layer(x)
        return x * self.atten_conv_layer(x)


class ContextPath(BaseModule):
    """A backbone, and its features at 1/16 and 1/32 refined and brought one resolution up.

    Args:
        backbone_cfg: Of a backbone with outputs at 1/4, 1/8, 1/16 and 1/32.
        context_channels: Of the outputs of this path and of the backbone's features at 1/16 and 1/32.
    """

    def __init__(
        self,
        backbone_cfg: dict,
        context_channels: Sequence[int] = (128, 256, 512),
        align_corners: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        if len(context_channels) != 3:
            raise ConfigError(f'context_channels of BiSeNet should have three entries, but is {context_channels!r}.')
        self.backbone = MODELS.build(backbone_cfg)
        self.align_corners = align_corners
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        channels, channels16, channels32 = context_channels
        self.arm16 = AttentionRefinementModule(channels16, channels, **shared)
        self.arm32 = AttentionRefinementModule(channels32, channels, **shared)
        self.conv_head32 = ConvModule(channels, channels, 3, padding=1, **shared)
        self.conv_head16 = ConvModule(channels, channels, 3, padding=1, **shared)
        self.gap_conv = nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), ConvModule(channels32, channels, 1, **shared))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features at 1/8 and at 1/16 of the input."""
        _, x8, x16, x32 = self.backbone(x)
        up32 = self.arm32(x32) + self.gap_conv(x32)
        up32 = self.conv_head32(resize(up32, size=x16.shape[2:], mode='nearest'))
        up16 = self.arm16(x16) + up32
        up16 = self.conv_head16(resize(up16, size=x8.shape[2:], mode='nearest'))
        return up16, up32


class FeatureFusionModule(BaseModule):
    """The spatial and the context feature concatenated, convolved, and weighed by channel."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.conv1 = ConvModule(in_channels, out_channels, 1, **shared)
        self.gap = nn.AdaptiveAvgPool2d((1, 1))
        self.conv_atten = nn.Sequential(
            ConvModule(out_channels, out_channels, 1, bias=False, **shared),
            nn.Sigmoid(),
        )

    def forward(self, x_sp: Tensor, x_cp: Tensor) -> Tensor:
        fused = self.conv1(torch.cat([x_sp, x_cp], dim=1))
        return fused + fused * self.conv_atten(self.gap(fused))


@MODELS.register_module()
class BiSeNetV1(BaseModule):
    """BiSeNet: a shallow path for detail and a backbone for context, fused at 1/8 of the input.

    Args:
        backbone_cfg: Of the context path: a backbone with outputs at 1/4, 1/8, 1/16 and 1/32.
        spatial_channels: Of the four convolutions of the spatial path.
        context_channels: Of the context path, and of the backbone's features at 1/16 and 1/32.
        out_indices: Which of: 0, the fused feature; 1, the context at 1/8; 2, that at 1/16.
        out_channels: Of the fused feature.
    """

    def __init__(
        self,
        backbone_cfg: dict,
        in_channels: int = 3,
        spatial_channels: Sequence[int] = (64, 64, 64, 128),
        context_channels: Sequence[int] = (128, 256, 512),
        out_indices: Sequence[int] = (0, 1, 2),
        align_corners: bool = False,
        out_channels: int = 256,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN', 'requires_grad': True},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.out_indices = out_indices
        self.align_corners = align_corners
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.context_path = ContextPath(backbone_cfg, context_channels, align_corners, **shared)
        self.spatial_path = SpatialPath(in_channels, spatial_channels, **shared)
        self.ffm = FeatureFusionModule(spatial_channels[-1] + context_channels[0], out_channels, **shared)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        context8, context16 = self.context_path(x)
        outs = (self.ffm(self.spatial_path(x), context8), context8, context16)
        return tuple(outs[index] for index in self.out_indices)
