"""Normalisation layers by name."""

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from mmcv.cnn.bricks.lookup import layer_class, split_cfg
from mmengine.registry import MODELS
from mmengine.utils.errors import ArgumentError

MODELS.register_module('BN', module=nn.BatchNorm2d)
MODELS.register_module('BN1d', module=nn.BatchNorm1d)
MODELS.register_module('BN2d', module=nn.BatchNorm2d)
MODELS.register_module('BN3d', module=nn.BatchNorm3d)
MODELS.register_module('SyncBN', module=nn.SyncBatchNorm)
MODELS.register_module('GN', module=nn.GroupNorm)
MODELS.register_module('LN', module=nn.LayerNorm)
MODELS.register_module('IN', module=nn.InstanceNorm2d)
MODELS.register_module('IN1d', module=nn.InstanceNorm1d)
MODELS.register_module('IN2d', module=nn.InstanceNorm2d)
MODELS.register_module('IN3d', module=nn.InstanceNorm3d)


def infer_abbr(class_type: type) -> str:
    """The attribute name of a normalisation layer: its `_abbr_`, or `bn`, `gn`, `ln`, `in` by its kind or name.

    These names are part of the keys of checkpoints.
    """
    if not isinstance(class_type, type):
        raise TypeError(f'class_type should be a class, but got {class_type!r}')
    if hasattr(class_type, '_abbr_'):
        return class_type._abbr_
    kinds = ((_InstanceNorm, 'in'), (_BatchNorm, 'bn'), (nn.GroupNorm, 'gn'), (nn.LayerNorm, 'ln'))
    for kind, abbr in kinds:
        if issubclass(class_type, kind):
            return abbr
    name = class_type.__name__.lower()
    words = (('batch', 'bn'), ('group', 'gn'), ('layer', 'ln'), ('instance', 'in'))
    return next((abbr for word, abbr in words if word in name), 'norm_layer')


def build_norm_layer(cfg: Mapping[str, Any], num_features: int, postfix: int | str = '') -> tuple[str, nn.Module]:
    """Build a normalisation layer from `dict(type=..., requires_grad=True, **arguments)`.

    Args:
        num_features: number of channels.
        postfix: appended to the name.

    Returns:
        The name under which the layer should be stored (such as `bn1`), and the layer.
    """
    layer_type, options = split_cfg(cfg, 'normalisation')
    cls = layer_class(layer_type, cfg)
    if not isinstance(postfix, int | str):
        raise TypeError(f'postfix should be an int or a str, but got {postfix!r}')
    requires_grad = options.pop('requires_grad', True)
    options.setdefault('eps', 1e-5)
    if cls is nn.GroupNorm:
        if 'num_groups' not in options:
            raise ArgumentError(f"norm_cfg of type 'GN' needs num_groups, but got {dict(cfg)!r}")
        layer = cls(num_channels=num_features, **options)
    else:
        layer = cls(num_features, **options)
    layer.requires_grad_(requires_grad)
    return f'{infer_abbr(cls)}{postfix}', layer


def is_norm(layer: nn.Module, exclude: type | tuple[type, ...] | None = None) -> bool:
    """Whether a layer is a batch, instance, group or layer normalisation and none of the `exclude`d classes."""
    if exclude is not None:
        classes = exclude if isinstance(exclude, tuple) else (exclude,)
        if not all(isinstance(cls, type) for cls in classes):
            raise TypeError(f'exclude should be a class or a tuple of classes, but got {exclude!r}')
        if isinstance(layer, classes):
            return False
    return isinstance(layer, _BatchNorm | _InstanceNorm | nn.GroupNorm | nn.LayerNorm)
