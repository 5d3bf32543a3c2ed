"""SegFormer head."""

from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS


@MODELS.register_module()
class SegformerHead(BaseDecodeHead):
    """Features of all stages projected, resized to the first and fused (Xie et al., SegFormer, section 3.2).

    Args:
        interpolate_mode: How features are resized.
    """

    def __init__(self, interpolate_mode: str = 'bilinear', **kwargs: Any) -> None:
        super().__init__(input_transform='multiple_select', **kwargs)
        self.interpolate_mode = interpolate_mode
        shared: dict[str, Any] = dict(norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
        self.convs = nn.ModuleList(
            ConvModule(channels, self.channels, kernel_size=1, **shared) for channels in self.in_channels
        )
        self.fusion_conv = ConvModule(
            self.channels * len(self.in_channels), self.channels, kernel_size=1, norm_cfg=self.norm_cfg
        )

    def forward(self, inputs: Any) -> Tensor:
        features = self._transform_inputs(inputs)
        size = features[0].shape[2:]
        outs = [
            resize(conv(x), size=size, mode=self.interpolate_mode, align_corners=self.align_corners)
            for conv, x in zip(self.convs, features, strict=True)
        ]
        return self.cls_seg(self.fusion_conv(torch.cat(outs, dim=1)))
