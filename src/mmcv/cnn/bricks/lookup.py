"""From `cfg['type']` to a class: what all `build_*_layer` functions of this package share."""

from collections.abc import Mapping
from typing import Any

from mmengine.registry import MODELS
from mmengine.utils.errors import UnknownTypeError


def layer_class(layer_type: str | type, cfg: Mapping[str, Any] | None = None) -> type:
    """The class that a layer's `type` names; a class stands for itself.

    Args:
        cfg: where the type came from, for the message.

    Raises:
        UnknownTypeError: no registry of the current scope knows the name.
    """
    if not isinstance(layer_type, str):
        return layer_type
    with MODELS.switch_scope_and_registry(None) as registry:
        found = registry.get(layer_type)
        if found is None:
            raise registry.unknown(layer_type, cfg)
    return found


def split_cfg(cfg: Mapping[str, Any], kind: str) -> tuple[str | type, dict[str, Any]]:
    """The `type` of a layer's config, and a copy of the rest.

    Raises:
        TypeError: `cfg` is not a mapping.
        UnknownTypeError: it has no `type`.
    """
    if not isinstance(cfg, Mapping):
        raise TypeError(f'the config of a {kind} layer should be a dict, but got {type(cfg).__name__}: {cfg!r}')
    rest = dict(cfg)
    if 'type' not in rest:
        raise UnknownTypeError(f'the config of a {kind} layer needs the key "type", but got {rest!r}')
    return rest.pop('type'), rest
