"""FCN head."""

from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS


@MODELS.register_module()
class FCNHead(BaseDecodeHead):
    """Convolutions (Long et al., Fully Convolutional Networks for Semantic Segmentation).

    Args:
        num_convs: May be 0 if `in_channels` is `channels`.
        concat_input: Concatenate the input to the result and convolve once more.
        dilation: Of the convolutions.
    """

    def __init__(
        self,
        num_convs: int = 2,
        kernel_size: int = 3,
        concat_input: bool = True,
        dilation: int = 1,
        **kwargs: Any,
    ) -> None:
        if num_convs < 0 or dilation < 1:
            raise ConfigError(f'FCNHead: num_convs={num_convs} should be >= 0 and dilation={dilation} >= 1.')
        self.num_convs = num_convs
        self.concat_input = concat_input
        self.kernel_size = kernel_size
        super().__init__(**kwargs)
        if num_convs == 0 and self.in_channels != self.channels:
            raise ConfigError(
                f'FCNHead without convolutions (num_convs=0) needs in_channels ({self.in_channels}) == channels '
                f'({self.channels}).'
            )
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        convs = [
            ConvModule(
                self.in_channels if index == 0 else self.channels,
                self.channels,
                kernel_size,
                padding=kernel_size // 2 * dilation,
                dilation=dilation,
                **shared,
            )
            for index in range(num_convs)
        ]
        self.convs: nn.Module = nn.Sequential(*convs) if convs else nn.Identity()
        if concat_input:
            self.conv_cat: nn.Module = ConvModule(
                self.in_channels + self.channels, self.channels, kernel_size, padding=kernel_size // 2, **shared
            )

    def _forward_feature(self, inputs: Any) -> Tensor:
        """Features `(N, channels, H, W)` before `cls_seg`."""
        x = self._transform_inputs(inputs)
        feats = self.convs(x)
        if self.concat_input:
            feats = self.conv_cat(torch.cat([x, feats], dim=1))
        return feats

    def forward(self, inputs: Any) -> Tensor:
        return self.cls_seg(self._forward_feature(inputs))
