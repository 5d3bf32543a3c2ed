"""Plugins: layers that a config inserts into a backbone."""

import re
from collections.abc import Mapping
from typing import Any

from torch import nn

from mmcv.cnn.bricks.lookup import layer_class, split_cfg


def infer_abbr(class_type: type) -> str:
    """The attribute name of a plugin: its `_abbr_`, or its class name in snake case (`FancyBlock`: `fancy_block`)."""
    if not isinstance(class_type, type):
        raise TypeError(f'class_type should be a class, but got {class_type!r}')
    if hasattr(class_type, '_abbr_'):
        return class_type._abbr_
    words = re.sub(r'([A-Z]+)([A-Z][a-z])', r'\1_\2', class_type.__name__)
    return re.sub(r'([a-z\d])([A-Z])', r'\1_\2', words).replace('-', '_').lower()


def build_plugin_layer(cfg: Mapping[str, Any], postfix: int | str = '', **kwargs: Any) -> tuple[str, nn.Module]:
    """Build a plugin; returns the name under which it should be stored, and the layer."""
    layer_type, options = split_cfg(cfg, 'plugin')
    cls = layer_class(layer_type, cfg)
    if not isinstance(postfix, int | str):
        raise TypeError(f'postfix should be an int or a str, but got {postfix!r}')
    return f'{infer_abbr(cls)}{postfix}', cls(**kwargs, **options)
