"""Multi-level feature aggregation head of SETR."""

from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import Upsample
from mmseg.registry import MODELS


@MODELS.register_module()
class SETRMLAHead(BaseDecodeHead):
    """Each input convolved twice and upsampled, then all classified together (Zheng et al., arXiv:2012.15840).

    Args:
        mla_channels: Channels of each branch; `channels` is their sum.
        up_scale: Factor of the upsampling.
    """

    def __init__(self, mla_channels: int = 128, up_scale: int = 4, **kwargs: Any) -> None:
        super().__init__(input_transform='multiple_select', **kwargs)
        self.mla_channels = mla_channels
        if self.channels != len(self.in_channels) * mla_channels:
            raise ConfigError(
                f'channels ({self.channels}) should be mla_channels ({mla_channels}) times the number of inputs '
                f'({len(self.in_channels)}).'
            )
        shared: dict[str, Any] = {'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.up_convs = nn.ModuleList(
            nn.Sequential(
                ConvModule(channels, mla_channels, kernel_size=3, padding=1, **shared),
                ConvModule(mla_channels, mla_channels, kernel_size=3, padding=1, **shared),
                Upsample(scale_factor=up_scale, mode='bilinear', align_corners=self.align_corners),
            )
            for channels in self.in_channels
        )

    def forward(self, inputs: Any) -> Tensor:
        features = self._transform_inputs(inputs)
        return self.cls_seg(torch.cat([conv(x) for conv, x in zip(self.up_convs, features, strict=True)], dim=1))
