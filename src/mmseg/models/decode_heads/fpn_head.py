"""Semantic FPN head."""

from collections.abc import Sequence
from math import log2
from typing import Any

from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import Upsample, resize
from mmseg.registry import MODELS


@MODELS.register_module()
class FPNHead(BaseDecodeHead):
    """Features of a pyramid upsampled step by step and summed (Kirillov et al., Panoptic FPN, section 3.1).

    Args:
        feature_strides: Strides of the inputs, the smallest first.
    """

    def __init__(self, feature_strides: Sequence[int], **kwargs: Any) -> None:
        super().__init__(input_transform='multiple_select', **kwargs)
        if len(feature_strides) != len(self.in_channels) or min(feature_strides) != feature_strides[0]:
            raise ConfigError(
                f'feature_strides {list(feature_strides)} should begin with the smallest and have one for each of '
                f'the {len(self.in_channels)} inputs.'
            )
        self.feature_strides = feature_strides
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.scale_heads = nn.ModuleList()
        for channels, stride in zip(self.in_channels, feature_strides, strict=True):
            layers: list[nn.Module] = []
            for step in range(max(1, int(log2(stride) - log2(feature_strides[0])))):
                layers.append(ConvModule(self.channels if step else channels, self.channels, 3, padding=1, **shared))
                if stride != feature_strides[0]:
                    layers.append(Upsample(scale_factor=2, mode='bilinear', align_corners=self.align_corners))
            self.scale_heads.append(nn.Sequential(*layers))

    def forward(self, inputs: Any) -> Tensor:
        features = self._transform_inputs(inputs)
        output = self.scale_heads[0](features[0])
        for head, x in zip(self.scale_heads[1:], features[1:], strict=True):
            output = output + resize(head(x), size=output.shape[2:], mode='bilinear', align_corners=self.align_corners)
        return self.cls_seg(output)
