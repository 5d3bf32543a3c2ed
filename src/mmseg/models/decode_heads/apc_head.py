"""APCNet head."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS


class ACM(nn.Module):
    """Adaptive context module (section 3.2): each pixel weighs the means over a grid of `pool_scale`.

    Args:
        fusion: Convolve the result once more.
    """

    def __init__(
        self,
        pool_scale: int,
        fusion: bool,
        in_channels: int,
        channels: int,
        conv_cfg: dict | None,
        norm_cfg: dict | None,
        act_cfg: dict | None,
    ) -> None:
        super().__init__()
        self.pool_scale = pool_scale
        self.fusion = fusion
        self.in_channels = in_channels
        self.channels = channels
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.pooled_redu_conv = ConvModule(in_channels, channels, 1, **shared)
        self.input_redu_conv = ConvModule(in_channels, channels, 1, **shared)
        self.global_info = ConvModule(channels, channels, 1, **shared)
        self.gla = nn.Conv2d(channels, pool_scale**2, kernel_size=1)
        self.residual_conv = ConvModule(channels, channels, 1, **shared)
        if fusion:
            self.fusion_conv = ConvModule(channels, channels, 1, **shared)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, in_channels, H, W)` to `(N, channels, H, W)`."""
        pooled = self.pooled_redu_conv(F.adaptive_avg_pool2d(x, self.pool_scale)).flatten(2)
        x = self.input_redu_conv(x)
        affinity = self.gla(x + self.global_info(F.adaptive_avg_pool2d(x, 1))).flatten(2).sigmoid()
        context = torch.matmul(pooled, affinity).view_as(x)
        out = F.relu(self.residual_conv(context) + x)
        return self.fusion_conv(out) if self.fusion else out


@MODELS.register_module()
class APCHead(BaseDecodeHead):
    """Adaptive context modules (He et al., Adaptive Pyramid Context Network for Semantic Segmentation).

    Args:
        pool_scales: Sides of the grids, one module each.
        fusion: See `ACM`.
    """

    def __init__(self, pool_scales: Sequence[int] = (1, 2, 3, 6), fusion: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(pool_scales, list | tuple):
            raise ConfigError(f'pool_scales of APCHead should be a list, but is {pool_scales!r}.')
        self.pool_scales = pool_scales
        self.fusion = fusion
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.acm_modules = nn.ModuleList(
            ACM(scale, fusion, self.in_channels, self.channels, **shared) for scale in pool_scales
        )
        self.bottleneck = ConvModule(
            self.in_channels + len(pool_scales) * self.channels, self.channels, 3, padding=1, **shared
        )

    def forward(self, inputs: Any) -> Tensor:
        x = self._transform_inputs(inputs)
        return self.cls_seg(self.bottleneck(torch.cat([x, *(module(x) for module in self.acm_modules)], dim=1)))
