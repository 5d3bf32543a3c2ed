"""Convolutions by name."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from mmcv.cnn.bricks import conv2d_adaptive_padding, wrappers  # noqa: F401  they register layers
from mmcv.cnn.bricks.lookup import layer_class, split_cfg
from mmengine.registry import MODELS

MODELS.register_module(name='Conv1d', module=nn.Conv1d)
MODELS.register_module(name='Conv2d', module=nn.Conv2d)


def build_conv_layer(cfg: Mapping[str, Any] | None, *args: Any, **kwargs: Any) -> nn.Module:
    """Build a convolution from `dict(type=..., **arguments)`; `None` is `Conv2d`.

    Further arguments are passed on to the layer.
    """
    layer_type, options = split_cfg(cfg, 'convolution') if cfg is not None else ('Conv2d', {})
    return layer_class(layer_type, cfg)(*args, **kwargs, **options)
