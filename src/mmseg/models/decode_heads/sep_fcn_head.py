"""FCN head of depthwise separable convolutions."""

from typing import Any

from torch import nn

from mmcv.cnn import DepthwiseSeparableConvModule
from mmseg.models.decode_heads.fcn_head import FCNHead
from mmseg.registry import MODELS


@MODELS.register_module()
class DepthwiseSeparableFCNHead(FCNHead):
    """`FCNHead` of depthwise separable convolutions, as in Fast-SCNN.

    Args:
        dw_act_cfg: Activation after the depthwise convolutions; None: none.
    """

    def __init__(self, dw_act_cfg: dict | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)

        def conv(in_channels: int) -> nn.Module:
            return DepthwiseSeparableConvModule(
                in_channels,
                self.channels,
                kernel_size=self.kernel_size,
                padding=self.kernel_size // 2,
                norm_cfg=self.norm_cfg,
                dw_act_cfg=dw_act_cfg,
            )

        widths = [self.in_channels] + [self.channels] * (self.num_convs - 1)
        self.convs = nn.Sequential(*[conv(width) for width in widths[: self.num_convs]])
        if self.concat_input:
            self.conv_cat = conv(self.in_channels + self.channels)
