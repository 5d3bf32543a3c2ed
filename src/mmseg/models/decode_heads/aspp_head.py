"""DeepLabV3 head."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS


class ASPPModule(nn.ModuleList):
    """Parallel convolutions: 1x1 for dilation 1, dilated 3x3 for the others."""

    def __init__(
        self,
        dilations: Sequence[int],
        in_channels: int,
        channels: int,
        conv_cfg: dict | None,
        norm_cfg: dict | None,
        act_cfg: dict | None,
    ) -> None:
        super().__init__(
            ConvModule(
                in_channels,
                channels,
                1 if dilation == 1 else 3,
                dilation=dilation,
                padding=0 if dilation == 1 else dilation,
                conv_cfg=conv_cfg,
                norm_cfg=norm_cfg,
                act_cfg=act_cfg,
            )
            for dilation in dilations
        )
        self.dilations = dilations
        self.in_channels = in_channels
        self.channels = channels
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg

    def forward(self, x: Tensor) -> list[Tensor]:
        """One `(N, channels, H, W)` for each dilation."""
        return [conv(x) for conv in self]


@MODELS.register_module()
class ASPPHead(BaseDecodeHead):
    """Atrous spatial pyramid pooling (Chen et al., Rethinking Atrous Convolution, section 3.3)."""

    def __init__(self, dilations: Sequence[int] = (1, 6, 12, 18), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(dilations, list | tuple):
            raise ConfigError(f'dilations of {type(self).__name__} should be a list, but is {dilations!r}.')
        self.dilations = dilations
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.image_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), ConvModule(self.in_channels, self.channels, 1, **shared)
        )
        self.aspp_modules = ASPPModule(dilations, self.in_channels, self.channels, **shared)
        self.bottleneck = ConvModule((len(dilations) + 1) * self.channels, self.channels, 3, padding=1, **shared)

    def _forward_feature(self, inputs: Any) -> Tensor:
        """Features `(N, channels, H, W)` before `cls_seg`."""
        x = self._transform_inputs(inputs)
        pooled = resize(self.image_pool(x), size=x.shape[2:], mode='bilinear', align_corners=self.align_corners)
        return self.bottleneck(torch.cat([pooled, *self.aspp_modules(x)], dim=1))

    def forward(self, inputs: Any) -> Tensor:
        return self.cls_seg(self._forward_feature(inputs))
