"""Upsampling layers by name."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from mmcv.cnn.bricks import wrappers  # noqa: F401  registers 'deconv'
from mmcv.cnn.bricks.lookup import layer_class, split_cfg
from mmengine.model.weight_init import xavier_init
from mmengine.registry import MODELS

MODELS.register_module('nearest', module=nn.Upsample)
MODELS.register_module('bilinear', module=nn.Upsample)


@MODELS.register_module(name='pixel_shuffle')
class PixelShufflePack(nn.Module):
    """Convolution to `out_channels * scale_factor**2` channels, then pixel shuffle (arXiv:1609.05158).

    Args:
        upsample_kernel: kernel size of the convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, scale_factor: int, upsample_kernel: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.scale_factor = scale_factor
        self.upsample_kernel = upsample_kernel
        self.upsample_conv = nn.Conv2d(
            in_channels, out_channels * scale_factor**2, upsample_kernel, padding=(upsample_kernel - 1) // 2
        )
        self.init_weights()

    def init_weights(self) -> None:
        xavier_init(self.upsample_conv, distribution='uniform')

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.pixel_shuffle(self.upsample_conv(x), self.scale_factor)


def build_upsample_layer(cfg: Mapping[str, Any], *args: Any, **kwargs: Any) -> nn.Module:
    """Build an upsampling layer (`nearest`, `bilinear`, `deconv`, `pixel_shuffle`, or a registered one).

    The first two take the arguments of `nn.Upsample`, whose `mode` is the `type`.
    """
    layer_type, options = split_cfg(cfg, 'upsample')
    cls = layer_class(layer_type, cfg)
    if cls is nn.Upsample:
        options['mode'] = layer_type
    return cls(*args, **kwargs, **options)
