"""Padding layers by name."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from mmcv.cnn.bricks.lookup import layer_class, split_cfg
from mmengine.registry import MODELS

MODELS.register_module('zero', module=nn.ZeroPad2d)
MODELS.register_module('reflect', module=nn.ReflectionPad2d)
MODELS.register_module('replicate', module=nn.ReplicationPad2d)


def build_padding_layer(cfg: Mapping[str, Any], *args: Any, **kwargs: Any) -> nn.Module:
    """Build a padding layer (`zero`, `reflect`, `replicate`); further arguments are passed on to it."""
    layer_type, options = split_cfg(cfg, 'padding')
    return layer_class(layer_type, cfg)(*args, **kwargs, **options)
