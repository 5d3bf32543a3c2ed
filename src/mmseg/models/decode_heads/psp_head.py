"""PSPNet head."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS


class PPM(nn.ModuleList):
    """Pyramid pooling: the feature averaged over grids of `pool_scales`, convolved, and resized back."""

    def __init__(
        self,
        pool_scales: Sequence[int],
        in_channels: int,
        channels: int,
        conv_cfg: dict | None,
        norm_cfg: dict | None,
        act_cfg: dict | None,
        align_corners: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(scale),
                ConvModule(in_channels, channels, 1, conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg, **kwargs),
            )
            for scale in pool_scales
        )
        self.pool_scales = pool_scales
        self.align_corners = align_corners
        self.in_channels = in_channels
        self.channels = channels
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg

    def forward(self, x: Tensor) -> list[Tensor]:
        """One `(N, channels, H, W)` for each scale."""
        size = x.shape[2:]
        return [resize(pool(x), size=size, mode='bilinear', align_corners=self.align_corners) for pool in self]


@MODELS.register_module()
class PSPHead(BaseDecodeHead):
    """Pyramid pooling and a convolution (Zhao et al., Pyramid Scene Parsing Network).

    Args:
        pool_scales: Sides of the grids.
    """

    def __init__(self, pool_scales: Sequence[int] = (1, 2, 3, 6), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(pool_scales, list | tuple):
            raise ConfigError(f'pool_scales of PSPHead should be a list, but is {pool_scales!r}.')
        self.pool_scales = pool_scales
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.psp_modules = PPM(pool_scales, self.in_channels, self.channels, align_corners=self.align_corners, **shared)
        self.bottleneck = ConvModule(
            self.in_channels + len(pool_scales) * self.channels, self.channels, 3, padding=1, **shared
        )

    def _forward_feature(self, inputs: Any) -> Tensor:
        """Features `(N, channels, H, W)` before `cls_seg`."""
        x = self._transform_inputs(inputs)
        return self.bottleneck(torch.cat([x, *self.psp_modules(x)], dim=1))

    def forward(self, inputs: Any) -> Tensor:
        return self.cls_seg(self._forward_feature(inputs))
