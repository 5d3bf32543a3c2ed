"""From what a config says of hooks to hooks."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config.origin import where
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.utils.errors import ArgumentError, ConfigError

from .priority import Priority

DEFAULT_HOOKS: dict[str, dict] = {
    'runtime_info': {'type': 'RuntimeInfoHook'},
    'timer': {'type': 'IterTimerHook'},
    'sampler_seed': {'type': 'DistSamplerSeedHook'},
    'logger': {'type': 'LoggerHook'},
    'param_scheduler': {'type': 'ParamSchedulerHook'},
    'checkpoint': {'type': 'CheckpointHook', 'interval': 1},
}


def with_defaults(hooks: Mapping[str, Hook | dict | None] | None) -> list[Hook | dict]:
    """The default hooks; `hooks` replaces one by its key, changes its options (no `type`), or removes it by None."""
    wanted: dict[str, Any] = dict(DEFAULT_HOOKS)
    for name, hook in (hooks or {}).items():
        if isinstance(hook, dict) and 'type' not in hook and name in wanted:
            changed = copy.copy(hook)  # keeps the address in the config
            for key, value in wanted[name].items():
                changed.setdefault(key, value)
            wanted[name] = changed
        else:
            wanted[name] = hook
    return [hook for hook in wanted.values() if hook is not None]


def build_hook(hook: Hook | dict, priority: str | int | Priority | None = None) -> tuple[Hook, str]:
    """The hook, and where a config asks for it. A config may have `priority`, `before` and `after` of the order.

    Args:
        priority: instead of that of the config or the class.
    """
    if isinstance(hook, Hook):
        origin, order = '', {}
    elif isinstance(hook, dict):
        origin, cfg = where(hook), copy.copy(hook)
        own = _own_arguments(cfg)
        order = {key: cfg.pop(key) for key in ('priority', 'before', 'after') if key in cfg and key not in own}
        hook = HOOKS.build(cfg)
    else:
        raise TypeError(f'hook should be a Hook or its config, but got {type(hook).__name__}')
    if not isinstance(hook, Hook):
        raise ArgumentError(
            f'{type(hook).__name__} is registered as a hook but does not derive from Hook\n  at {origin}'
        )
    if priority is not None:
        order['priority'] = priority
    for key in ('before', 'after'):
        _check_names_of(key, order.get(key, ()), type(hook).__name__, origin)
    for key, value in order.items():
        if value is not None:
            setattr(hook, key, value.name if isinstance(value, Priority) else value)
    return hook, origin


def _own_arguments(cfg: dict) -> Sequence[str]:
    """What the class itself takes of the names that otherwise are about the order; `priority` never was for it."""
    if 'before' not in cfg and 'after' not in cfg:
        return ()
    kind = cfg.get('type')
    found = HOOKS.get(kind) if isinstance(kind, str) else kind
    return [n for n in inspect.signature(found).parameters if n != 'priority'] if found is not None else ()


def _check_names_of(key: str, value: Any, name: str, origin: str) -> None:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise ConfigError(
            f'`{key}` of {name} should be the name of a hook or a list of names, but got {value!r}\n  at {origin}'
        )
