"""Joint pyramid upsampling."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.utils import resize
from mmseg.registry import MODELS


@MODELS.register_module()
class JPU(BaseModule):
    """Joint pyramid upsampling in place of dilation in the backbone (Wu et al., FastFCN, section 3.3).

    Gives the inputs used, of which the last is replaced by `(N, len(dilations) * mid_channels, h, w)`, which has the
    size of the first one used.

    Args:
        in_channels: Channels of each input, the finest first.
        mid_channels: To which each is projected.
        start_level, end_level: The inputs used; `end_level` (-1: the last) is exclusive.
        dilations: Of the parallel convolutions.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (512, 1024, 2048),
        mid_channels: int = 512,
        start_level: int = 0,
        end_level: int = -1,
        dilations: Sequence[int] = (1, 2, 4, 8),
        align_corners: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.mid_channels = mid_channels
        self.start_level = start_level
        self.num_ins = len(in_channels)
        self.backbone_end_level = self.num_ins if end_level == -1 else end_level
        if not 0 <= start_level < self.backbone_end_level <= self.num_ins:
            raise ConfigError(
                f'JPU: start_level={start_level} and end_level={end_level} do not go with {self.num_ins} inputs.'
            )
        self.dilations = dilations
        self.align_corners = align_corners
        used = range(start_level, self.backbone_end_level)
        self.conv_layers = nn.ModuleList(
            nn.Sequential(
                ConvModule(
                    in_channels[level],
                    mid_channels,
                    kernel_size=3,
                    padding=1,
                    conv_cfg=conv_cfg,
                    norm_cfg=norm_cfg,
                    act_cfg=act_cfg,
                )
            )
            for level in used
        )
        self.dilation_layers = nn.ModuleList(
            nn.Sequential(
                DepthwiseSeparableConvModule(
                    len(used) * mid_channels,
                    mid_channels,
                    kernel_size=3,
                    padding=dilation,
                    dilation=dilation,
                    dw_norm_cfg=norm_cfg,
                    dw_act_cfg=None,
                    pw_norm_cfg=norm_cfg,
                    pw_act_cfg=act_cfg,
                )
            )
            for dilation in dilations
        )

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        if len(inputs) != self.num_ins:
            raise ConfigError(f'JPU has in_channels for {self.num_ins} inputs, but got {len(inputs)}.')
        used = inputs[self.start_level : self.backbone_end_level]
        feats = [conv(x) for conv, x in zip(self.conv_layers, used, strict=True)]
        size = feats[0].shape[2:]
        feats[1:] = [resize(x, size=size, mode='bilinear', align_corners=self.align_corners) for x in feats[1:]]
        joint = torch.cat(feats, dim=1)
        return *used[:-1], torch.cat([layer(joint) for layer in self.dilation_layers], dim=1)
