"""DeepLabV3+ head."""

from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.aspp_head import ASPPHead, ASPPModule
from mmseg.models.utils import resize
from mmseg.registry import MODELS


class DepthwiseSeparableASPPModule(ASPPModule):
    """`ASPPModule` whose dilated convolutions are depthwise separable."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for index, dilation in enumerate(self.dilations):
            if dilation > 1:
                self[index] = DepthwiseSeparableConvModule(
                    self.in_channels,
                    self.channels,
                    3,
                    dilation=dilation,
                    padding=dilation,
                    norm_cfg=self.norm_cfg,
                    act_cfg=self.act_cfg,
                )


@MODELS.register_module()
class DepthwiseSeparableASPPHead(ASPPHead):
    """ASPP refined by an early feature (Chen et al., Encoder-Decoder with Atrous Separable Convolution).

    Args:
        c1_in_channels: Channels of the first feature; 0: it is not used.
        c1_channels: To which it is reduced.
    """

    def __init__(self, c1_in_channels: int, c1_channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if c1_in_channels < 0:
            raise ConfigError(f'c1_in_channels should be >= 0, but is {c1_in_channels}.')
        shared: dict[str, Any] = {'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.aspp_modules = DepthwiseSeparableASPPModule(
            dilations=self.dilations,
            in_channels=self.in_channels,
            channels=self.channels,
            conv_cfg=self.conv_cfg,
            **shared,
        )
        self.c1_bottleneck = (
            ConvModule(c1_in_channels, c1_channels, 1, conv_cfg=self.conv_cfg, **shared) if c1_in_channels else None
        )
        width = self.channels + (c1_channels if c1_in_channels else 0)
        self.sep_bottleneck = nn.Sequential(
            DepthwiseSeparableConvModule(width, self.channels, 3, padding=1, **shared),
            DepthwiseSeparableConvModule(self.channels, self.channels, 3, padding=1, **shared),
        )

    def forward(self, inputs: Any) -> Tensor:
        output = self._forward_feature(inputs)
        if self.c1_bottleneck is not None:
            early = self.c1_bottleneck(inputs[0])
            output = resize(output, size=early.shape[2:], mode='bilinear', align_corners=self.align_corners)
            output = torch.cat([output, early], dim=1)
        return self.cls_seg(self.sep_bottleneck(output))
