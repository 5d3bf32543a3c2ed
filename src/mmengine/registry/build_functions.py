"""From a config to an object."""

from __future__ import annotations

import copy
import difflib
import inspect
import re
from typing import TYPE_CHECKING, Any

from torch import nn

from mmengine.config import Config, ConfigDict
from mmengine.config.origin import where
from mmengine.utils import ManagerMixin
from mmengine.utils.errors import ArgumentError, ConfigError

if TYPE_CHECKING:
    from .registry import Registry

UNEXPECTED = re.compile(r"got an unexpected keyword argument '(\w+)'")
MISSING = re.compile(r"missing \d+ required (?:positional|keyword-only) arguments?: '(\w+)'")


def build_from_cfg(cfg: Any, registry: Registry, default_args: dict | None = None) -> Any:
    """Call what `cfg['type']` names with the rest of `cfg`.

    Args:
        cfg: a dict with `type` (a name, a class or a function), unless `default_args` has it; `_scope_` changes the
            scope in which names without one are looked up.
        default_args: arguments that `cfg` may override.

    Raises:
        UnknownTypeError: the name is not registered.
        ArgumentError: an argument that it does not take, or lacks. Other exceptions of a constructor keep their
            type and gain a note that says which part of the config was built.
    """
    if not isinstance(cfg, (dict, ConfigDict, Config)):
        raise TypeError(f'a {registry.name} is built from a dict, but got {type(cfg).__name__}: {cfg!r}')
    if 'type' not in cfg and 'type' not in (default_args or {}):
        raise ConfigError(
            f'a {registry.name} needs `type`; the config has {", ".join(map(str, cfg)) or "nothing"}{_at(where(cfg))}'
        )
    args: Any = dict(cfg.items())
    for name, value in (default_args or {}).items():
        args.setdefault(name, value)
    scope = args.pop('_scope_', None)
    kind = args.pop('type')
    with registry.switch_scope_and_registry(scope) as current:
        if isinstance(kind, str):
            target = current.get(kind)
            if target is None:
                raise current.unknown(kind, cfg)
        elif callable(kind):
            target = kind
        else:
            raise ConfigError(
                f'`type` should be a name, a class or a function, but got {kind!r}{_at(where(cfg, "type"))}'
            )
        try:
            if isinstance(target, type) and issubclass(target, ManagerMixin):
                return target.get_instance(**args)
            return target(**args)
        except ArgumentError:
            raise
        except TypeError as error:
            mended = _argument_error(error, target, args, cfg, registry)
            if mended is None:
                error.add_note(_note(target, cfg, registry))
                raise
            raise mended from error
        except Exception as error:
            error.add_note(_note(target, cfg, registry))
            raise


def _at(address: str) -> str:
    return f'\n  at {address}' if address else ''


def _note(target: Any, cfg: Any, registry: Registry) -> str:
    address = where(cfg)
    return f'while building {registry.name} `{getattr(target, "__name__", target)}`' + (
        f' at {address}' if address else ''
    )


def _argument_error(error: TypeError, target: Any, args: dict, cfg: Any, registry: Registry) -> ArgumentError | None:
    """An error in the user's terms if `error` says that the call of `target` itself does not fit its arguments."""
    text, name = str(error), getattr(target, '__name__', str(target))
    unexpected = UNEXPECTED.search(text)
    if unexpected and unexpected[1] in args:
        wrong, known = unexpected[1], parameters_of(target)
        near = difflib.get_close_matches(wrong, known, n=3, cutoff=0.6)
        hint = f'did you mean: {", ".join(near)}' if near else f'it takes: {", ".join(known)}'
        return ArgumentError(f'{name} takes no argument {wrong}={args[wrong]!r}{_at(where(cfg, wrong))}\n  {hint}')
    missing = MISSING.search(text)
    callers = {name} | {c.__name__ for c in getattr(target, '__mro__', ())}
    caller = text.split('(')[0].removesuffix('.__init__').rsplit('.', 1)[-1]
    if missing and missing[1] not in args and caller in callers:
        return ArgumentError(
            f'{name} needs the argument {missing[1]!r}; the config gives {", ".join(args) or "none"}{_at(where(cfg))}'
        )
    return None


def parameters_of(target: Any) -> list[str]:
    """Names of the arguments of a class or function; classes that forward `**kwargs` add those of their parents."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    if not inspect.isclass(target):
        return [n for n, p in inspect.signature(target).parameters.items() if p.kind not in variadic]
    names: list[str] = []
    for base in target.__mro__:
        if '__init__' not in vars(base) or base is object:
            continue
        parameters = inspect.signature(vars(base)['__init__']).parameters
        names += [n for n, p in parameters.items() if n != 'self' and p.kind not in variadic and n not in names]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            break
    return names


def build_model_from_cfg(cfg: Any, registry: Registry, default_args: dict | None = None) -> nn.Module:
    """A module from a config, or an `nn.Sequential` of several from a list of configs."""
    if isinstance(cfg, (list, tuple)):
        sequential = registry.get('Sequential') or nn.Sequential
        return sequential(*(build_from_cfg(c, registry, default_args) for c in cfg))
    return build_from_cfg(cfg, registry, default_args)


def build_runner_from_cfg(cfg: Any, registry: Registry) -> Any:
    """The runner that `cfg.runner_type` names (`Runner` by default), from the whole config."""
    if not isinstance(cfg, (dict, ConfigDict, Config)):
        raise TypeError(f'a runner is built from a config, but got {type(cfg).__name__}')
    args = cfg.copy()
    scope = args.pop('_scope_', None)
    with registry.switch_scope_and_registry(scope) as current:
        kind = args.get('runner_type', 'Runner')
        target = current.get(kind) if isinstance(kind, str) else kind
        if target is None:
            raise current.unknown(kind, cfg)
        return target.from_cfg(args)


def build_scheduler_from_cfg(cfg: Any, registry: Registry, default_args: dict | None = None) -> Any:
    """A scheduler; with `convert_to_iter_based=True` one by epoch becomes one by iteration.

    The conversion needs `epoch_length` in `default_args` or `cfg`.
    """
    if not isinstance(cfg, (dict, ConfigDict, Config)):
        raise TypeError(f'a scheduler is built from a config, but got {type(cfg).__name__}')
    args = copy.copy(cfg)
    defaults = dict(default_args or {})
    convert = args.pop('convert_to_iter_based', defaults.pop('convert_to_iter_based', False))
    epoch_length = args.pop('epoch_length', defaults.pop('epoch_length', None))
    if not convert:
        return build_from_cfg(args, registry, defaults)
    if not args.get('by_epoch', True):
        raise ConfigError(f'convert_to_iter_based needs by_epoch=True{_at(where(cfg))}')
    if epoch_length is None:
        raise ConfigError(
            f'convert_to_iter_based needs an epoch length, which an iteration-based run has not{_at(where(cfg))}'
        )
    with registry.switch_scope_and_registry(args.get('_scope_')) as current:
        kind = args['type']
        target = current.get(kind) if isinstance(kind, str) else kind
        if target is None:
            raise current.unknown(kind, cfg)
        args['type'] = target.build_iter_from_epoch
        defaults['epoch_length'] = epoch_length
        return build_from_cfg(args, registry, defaults)
