"""DMNet head."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule, build_activation_layer, build_norm_layer
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS


class DCM(nn.Module):
    """Dynamic convolutional module (section 3.2): a depthwise filter generated from the image.

    Args:
        filter_size: Side of the filter.
        fusion: Convolve the result once more.
    """

    def __init__(
        self,
        filter_size: int,
        fusion: bool,
        in_channels: int,
        channels: int,
        conv_cfg: dict | None,
        norm_cfg: dict | None,
        act_cfg: dict,
    ) -> None:
        super().__init__()
        self.filter_size = filter_size
        self.fusion = fusion
        self.in_channels = in_channels
        self.channels = channels
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.filter_gen_conv = nn.Conv2d(in_channels, channels, kernel_size=1)
        self.input_redu_conv = ConvModule(in_channels, channels, 1, **shared)
        self.norm = None if norm_cfg is None else build_norm_layer(norm_cfg, channels)[1]
        self.activate = build_activation_layer(act_cfg)
        if fusion:
            self.fusion_conv = ConvModule(channels, channels, 1, **shared)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, in_channels, H, W)` to `(N, channels, H, W)`."""
        filters = self.filter_gen_conv(F.adaptive_avg_pool2d(x, self.filter_size))
        x = self.input_redu_conv(x)
        n, c, h, w = x.shape
        before, after = self.filter_size // 2, (self.filter_size - 1) // 2
        # Each image has its own filters: the batch becomes groups of channels.
        padded = F.pad(x.reshape(1, n * c, h, w), (before, after, before, after))
        out = F.conv2d(padded, filters.reshape(n * c, 1, self.filter_size, self.filter_size), groups=n * c)
        out = out.view(n, c, h, w)
        if self.norm is not None:
            out = self.norm(out)
        out = self.activate(out)
        return self.fusion_conv(out) if self.fusion else out


@MODELS.register_module()
class DMHead(BaseDecodeHead):
    """Dynamic convolutional modules (He et al., Dynamic Multi-Scale Filters for Semantic Segmentation).

    Args:
        filter_sizes: Sides of the filters, one module each.
        fusion: See `DCM`.
    """

    def __init__(self, filter_sizes: Sequence[int] = (1, 3, 5, 7), fusion: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(filter_sizes, list | tuple):
            raise ConfigError(f'filter_sizes of DMHead should be a list, but is {filter_sizes!r}.')
        self.filter_sizes = filter_sizes
        self.fusion = fusion
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.dcm_modules = nn.ModuleList(
            DCM(size, fusion, self.in_channels, self.channels, **shared) for size in filter_sizes
        )
        self.bottleneck = ConvModule(
            self.in_channels + len(filter_sizes) * self.channels, self.channels, 3, padding=1, **shared
        )

    def forward(self, inputs: Any) -> Tensor:
        x = self._transform_inputs(inputs)
        return self.cls_seg(self.bottleneck(torch.cat([x, *(module(x) for module in self.dcm_modules)], dim=1)))
