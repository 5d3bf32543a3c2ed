"""From `cfg['type']` to a class: what all `build_*_layer` functions of this package share."""

from collections.abc import Mapping
from typing import Any

from mmengine.registry import MODELS
from mmengine.utils.errors import ArgumentError, UnknownTypeError


def layer_class(layer_type: str | type, kind: str) -> type:
    """The class that a layer's `type` names; a class stands for itself.

    Raises:
        UnknownTypeError: no registry of the current scope knows the name.
    """
    if not isinstance(layer_type, str):
        return layer_type
    with MODELS.switch_scope_and_registry(None) as registry:
        found = registry.get(layer_type)
    if found is None:
        raise UnknownTypeError(
            f'Cannot find the {kind} layer {layer_type!r} in registry under scope {registry.scope!r}; '
            'is the module that registers it imported (custom_imports)?'
        )
    return found


def split_cfg(cfg: Mapping[str, Any], kind: str) -> tuple[str | type, dict[str, Any]]:
    """The `type` of a layer's config, and a copy of the rest.

    Raises:
        TypeError: `cfg` is not a mapping.
        ArgumentError: it has no `type`.
    """
    if not isinstance(cfg, Mapping):
        raise TypeError(f'the config of a {kind} layer should be a dict, but got {type(cfg).__name__}: {cfg!r}')
    rest = dict(cfg)
    if 'type' not in rest:
        # ArgumentError is no KeyError; callers of this interface catch that one.
        raise MissingTypeError(f'the config of a {kind} layer needs the key "type", but got {rest!r}')
    return rest.pop('type'), rest


class MissingTypeError(ArgumentError, KeyError):
    """A layer's config without `type`."""
