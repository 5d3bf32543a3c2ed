"""How a child config changes its base."""

from __future__ import annotations

from typing import Any

from mmengine.utils.errors import ConfigError

from .config_dict import DELETE_KEY, ConfigDict, to_config
from .origin import Origin, origin_of, where


def merge(child: Any, base: Any, allow_list_keys: bool = False) -> Any:
    """`base` changed by `child`: dicts are merged key by key, everything else is replaced.

    Args:
        child: a dict; `_delete_=True` in one of its dicts drops what the base had there.
        base: a dict, or a list that the digits among the child's keys index.
        allow_list_keys: whether keys may index lists, as in `pipeline.1.scale`.
    """
    if isinstance(base, list):
        return _merge_list(child, base, allow_list_keys)
    merged = base.copy()
    for key, value in dict.items(child):
        before = dict.get(base, key)
        if isinstance(value, dict) and key in merged and not dict.get(value, DELETE_KEY, False):
            _check_mergeable(child, key, before, base, allow_list_keys)
            dict.__setitem__(merged, key, merge(value, before, allow_list_keys))
            # A list has no addresses of its own: a change of one of its entries is one of the list.
            _keep_chain(merged, child, base, key, replaced=isinstance(before, list))
        else:
            if isinstance(value, dict) and key in merged:
                value = value.copy()
                del value[DELETE_KEY]
                _chain_below(value, before)
            merged.put(key, value, None)
            _keep_chain(merged, child, base, key, replaced=True)
    return merged


def _chain_below(value: Any, before: Any) -> None:
    """Note in a dict that replaces another one which of its keys the other one had."""
    if not isinstance(value, ConfigDict) or not isinstance(before, ConfigDict):
        return
    for key, origin in value._origins.items():
        if key in before and origin.overrides is None:
            value._origins[key] = Origin(origin.file, origin.line, origin_of(before, key))
            _chain_below(dict.get(value, key), dict.get(before, key))


def _keep_chain(merged: Any, child: Any, base: Any, key: Any, replaced: bool) -> None:
    origin = getattr(child, '_origins', {}).get(key)
    if not isinstance(merged, ConfigDict) or origin is None:
        return
    before = getattr(base, '_origins', {}).get(key)
    if replaced:
        merged._origins[key] = Origin(origin.file, origin.line, before)
    elif before is None:
        merged._origins[key] = origin


def _merge_list(child: Any, base: list, allow_list_keys: bool) -> list:
    merged = list(base)
    for key, value in dict.items(child):
        if key == DELETE_KEY:
            continue
        if not allow_list_keys or not str(key).isdigit():
            raise ConfigError(f'a list of {len(base)} entries is indexed by numbers, but got {key!r}{_at(child, key)}')
        index = int(key)
        if index >= len(merged):
            raise ConfigError(f'index {index} is beyond the list of {len(base)} entries{_at(child, key)}')
        item = merged[index]
        if isinstance(value, dict) and isinstance(item, (dict, list)) and not dict.get(value, DELETE_KEY, False):
            merged[index] = merge(value, item, allow_list_keys)
        else:
            merged[index] = to_config(value)
    return merged


def _check_mergeable(child: Any, key: Any, before: Any, base: Any, allow_list_keys: bool) -> None:
    if isinstance(before, dict) or (allow_list_keys and isinstance(before, list)):
        return
    origin = origin_of(base, key)
    raise ConfigError(
        f'{key}={dict(dict.items(child[key]))!r} is to be merged into {before!r}, '
        f'which is no dict but a {type(before).__name__}'
        f'{_at(child, key)}'
        + (f'\n  which was set at {origin}' if origin else '')
        + f'\n  add {DELETE_KEY}=True to replace it'
    )


def _at(node: Any, key: Any) -> str:
    address = where(node, key)
    return f'\n  at {address}' if address else ''
