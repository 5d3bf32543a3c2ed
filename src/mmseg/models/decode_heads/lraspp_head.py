"""Lite R-ASPP head."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS


@MODELS.register_module()
class LRASPPHead(BaseDecodeHead):
    """Lite reduced ASPP (Howard et al., Searching for MobileNetV3, section 6.4).

    Takes several features (`input_transform='multiple_select'`), the finest first; the last is at least 49 x 49.

    Args:
        branch_channels: To which the features before the last are reduced.
    """

    def __init__(self, branch_channels: Sequence[int] = (32, 64), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.input_transform != 'multiple_select':
            raise ConfigError(
                f"LRASPPHead needs input_transform='multiple_select', but it is {self.input_transform!r}."
            )
        if len(branch_channels) != len(self.in_channels) - 1:
            raise ConfigError(
                f'branch_channels should have an entry for each input but the last, {len(self.in_channels) - 1}, '
                f'but is {tuple(branch_channels)}.'
            )
        self.branch_channels = branch_channels
        shared: dict[str, Any] = {'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg, 'bias': False}
        self.convs = nn.Sequential()
        self.conv_ups = nn.Sequential()
        for index, channels in enumerate(branch_channels):
            self.convs.add_module(f'conv{index}', nn.Conv2d(self.in_channels[index], channels, 1, bias=False))
            up = ConvModule(self.channels + channels, self.channels, 1, **shared)
            self.conv_ups.add_module(f'conv_up{index}', up)
        self.conv_up_input = nn.Conv2d(self.channels, self.channels, 1)
        self.aspp_conv = ConvModule(self.in_channels[-1], self.channels, 1, **shared)
        self.image_pool = nn.Sequential(
            nn.AvgPool2d(kernel_size=49, stride=(16, 20)),
            ConvModule(self.in_channels[-1], self.channels, 1, act_cfg={'type': 'Sigmoid'}, bias=False),
        )

    def forward(self, inputs: Any) -> Tensor:
        features = self._transform_inputs(inputs)
        x = features[-1]
        x = self.conv_up_input(self.aspp_conv(x) * self._resize(self.image_pool(x), x))
        for index in range(len(self.convs) - 1, -1, -1):
            x = self._resize(x, features[index])
            x = self.conv_ups[index](torch.cat([x, self.convs[index](features[index])], dim=1))
        return self.cls_seg(x)

    def _resize(self, x: Tensor, like: Tensor) -> Tensor:
        return resize(x, size=like.shape[2:], mode='bilinear', align_corners=self.align_corners)
