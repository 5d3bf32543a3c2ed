"""UPerNet head."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.decode_heads.psp_head import PPM
from mmseg.models.utils import resize
from mmseg.registry import MODELS


@MODELS.register_module()
class UPerHead(BaseDecodeHead):
    """Pyramid pooling on top of a feature pyramid (Xiao et al., Unified Perceptual Parsing, section 3.1)."""

    def __init__(self, pool_scales: Sequence[int] = (1, 2, 3, 6), **kwargs: Any) -> None:
        super().__init__(input_transform='multiple_select', **kwargs)
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        width, top = self.channels, self.in_channels[-1]
        self.psp_modules = PPM(pool_scales, top, width, align_corners=self.align_corners, **shared)
        self.bottleneck = ConvModule(top + len(pool_scales) * width, width, 3, padding=1, **shared)
        self.lateral_convs = nn.ModuleList(
            ConvModule(channels, width, 1, **shared, inplace=False) for channels in self.in_channels[:-1]
        )
        self.fpn_convs = nn.ModuleList(
            ConvModule(width, width, 3, padding=1, **shared, inplace=False) for _ in self.in_channels[:-1]
        )
        self.fpn_bottleneck = ConvModule(len(self.in_channels) * width, width, 3, padding=1, **shared)

    def psp_forward(self, inputs: list[Tensor]) -> Tensor:
        """The last feature after pyramid pooling."""
        x = inputs[-1]
        return self.bottleneck(torch.cat([x, *self.psp_modules(x)], dim=1))

    def _resize(self, x: Tensor, like: Tensor) -> Tensor:
        return resize(x, size=like.shape[2:], mode='bilinear', align_corners=self.align_corners)

    def _forward_feature(self, inputs: Any) -> Tensor:
        """Features `(N, channels, H, W)` before `cls_seg`."""
        features = self._transform_inputs(inputs)
        levels = [conv(x) for conv, x in zip(self.lateral_convs, features, strict=False)]
        levels.append(self.psp_forward(features))
        for index in range(len(levels) - 1, 0, -1):
            levels[index - 1] = levels[index - 1] + self._resize(levels[index], levels[index - 1])
        outs = [conv(x) for conv, x in zip(self.fpn_convs, levels, strict=False)]
        outs.append(levels[-1])
        return self.fpn_bottleneck(torch.cat([outs[0], *(self._resize(x, outs[0]) for x in outs[1:])], dim=1))

    def forward(self, inputs: Any) -> Tensor:
        return self.cls_seg(self._forward_feature(inputs))
