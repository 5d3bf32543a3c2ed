"""From a config to an object."""

from __future__ import annotations

import copy
import difflib
import inspect
import re
import reprlib
from typing import TYPE_CHECKING, Any

from torch import nn

from mmengine.config import Config, ConfigDict
from mmengine.config.lazy import Lazy
from mmengine.config.origin import where
from mmengine.utils import ManagerMixin
from mmengine.utils.errors import ArgumentError, ConfigError, UnknownTypeError

if TYPE_CHECKING:
    from .registry import Registry

UNEXPECTED = re.compile(r"got an unexpected keyword argument '(\w+)'")
NONE_TAKEN = re.compile(r'takes no arguments')
MISSING = re.compile(r"missing \d+ required (?:positional|keyword-only) arguments?: '(\w+)'")


def build_from_cfg(cfg: Any, registry: Registry, default_args: dict | None = None) -> Any:
    """Call what `cfg['type']` names with the rest of `cfg`.

    What the config imports lazily, in `type` or anywhere in the arguments, is imported now.

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
        raise UnknownTypeError(
            f'a {registry.name} needs `type`; the config has {", ".join(map(str, cfg)) or "nothing"}{_at(where(cfg))}'
        )
    args: Any = dict(dict.items(cfg) if isinstance(cfg, dict) else cfg.items())
    for name, value in (default_args or {}).items():
        args.setdefault(name, value)
    args = imported(args, cfg)
    scope = args.pop('_scope_', None)
    kind = args.pop('type')
    with registry.switch_scope_and_registry(scope):
        if isinstance(kind, str):
            target = registry.resolve(kind, cfg)
        elif callable(kind):
            target = kind
        else:
            raise ArgumentError(
                f'`type` should be a name, a class or a function, but got {kind!r}{_at(where(cfg, "type"))}'
            )
        try:
            if isinstance(target, type) and issubclass(target, ManagerMixin):
                return target.get_instance(**args)
            return target(**args)
        except Exception as error:
            mended = _argument_error(error, target, args, cfg)
            if mended is not None:
                raise mended from error
            error.add_note(_note(target, cfg, registry))
            raise


def imported(value: Any, node: Any = None, key: Any = None) -> Any:
    """`value` with what is lazy in it imported, in dicts, lists and tuples too; the same object where nothing is.

    Args:
        node, key: where `value` stands, for the message.
    """
    if isinstance(value, Lazy):
        try:
            return value.build()
        except ConfigError as error:
            if where(node, key):
                error.add_note(f'at {where(node, key)}')
            raise
    if isinstance(value, dict):
        own = value if isinstance(value, ConfigDict) else node
        items = {k: imported(v, own, k) for k, v in dict.items(value)}
        changed = [k for k, v in dict.items(value) if items[k] is not v]
        other = copy.copy(value) if changed else value
        for k in changed:
            dict.__setitem__(other, k, items[k])  # where it was set stays known
        return other
    if type(value) in (list, tuple):
        made = type(value)(imported(v, node, key) for v in value)
        return made if any(a is not b for a, b in zip(made, value, strict=True)) else value
    return value


def _at(address: str) -> str:
    return f'\n  at {address}' if address else ''


def _name(target: Any) -> str:
    return getattr(target, '__name__', str(target))


def _note(target: Any, cfg: Any, registry: Registry) -> str:
    address = where(cfg)
    # `model.decode_head` is a decode_head and `train_pipeline.3` one of train_pipeline.
    path = [part for part in address.partition(' (')[0].split('.') if ' ' not in part and not part.isdigit()]
    part = path[-1] if ' (' in address and path else registry.name
    return f'while building {part} `{_name(target)}`' + (f' at {address}' if address else '')


def _argument_error(error: Exception, target: Any, args: dict, cfg: Any) -> ArgumentError | None:
    """An error in the user's terms if `error` says that `target`, or a class it derives from, does not take `args`."""
    if not isinstance(error, TypeError) or isinstance(error, ArgumentError):
        return None
    text, known = str(error), parameters_of(target)
    unexpected, missing = UNEXPECTED.search(text), MISSING.search(text)
    wrong = unexpected[1] if unexpected else next(iter(args), '') if NONE_TAKEN.search(text) else ''
    if wrong in args and wrong not in known:
        near = difflib.get_close_matches(wrong, known, n=3, cutoff=0.6)
        hint = f'did you mean: {", ".join(near)}' if near else f'it takes: {", ".join(known) or "none"}'
        value = reprlib.repr(args[wrong])
        return ArgumentError(f'{_name(target)} takes no argument {wrong}={value}{_at(where(cfg, wrong))}\n  {hint}')
    # The message begins with the function that lacks something: `Name.__init__() missing ...`.
    caller = text.partition('(')[0].removesuffix('.__init__').rpartition('.')[2]
    callers = {c.__name__ for c in target.__mro__} if isinstance(target, type) else {_name(target)}
    if missing and missing[1] not in args and caller in callers:
        given = ', '.join(args) or 'none'
        return ArgumentError(f'{_name(target)} needs the argument {missing[1]!r}; given: {given}{_at(where(cfg))}')
    return None


def parameters_of(target: Any) -> list[str]:
    """Names of the arguments of a class or function; classes that forward `**kwargs` add those of their parents."""
    if not inspect.isclass(target):
        return _named(target)[0]
    names: list[str] = []
    for base in target.__mro__[:-1]:
        if '__init__' in vars(base):
            own, forwards = _named(vars(base)['__init__'])
            names += [n for n in own if n != 'self' and n not in names]
            if not forwards:
                break
    return names


def _named(function: Any) -> tuple[list[str], bool]:
    """Names of the parameters, and whether there is a `**kwargs`."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # some built-in functions do not tell
        return [], False
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.kind not in variadic], any(p.kind is p.VAR_KEYWORD for p in parameters)


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
    with registry.switch_scope_and_registry(scope):
        kind = args.get('runner_type', 'Runner')
        target = registry.resolve(kind, cfg) if isinstance(kind, str) else kind
        try:
            return target.from_cfg(args)
        except Exception as error:
            error.add_note(f'while building {registry.name} `{_name(target)}`')
            raise


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
    with registry.switch_scope_and_registry(args.get('_scope_')):
        kind = imported(args.get('type'), cfg, 'type')
        target = registry.resolve(kind, cfg) if isinstance(kind, str) else kind
        args['type'] = getattr(target, 'build_iter_from_epoch', target)
        defaults['epoch_length'] = epoch_length
        return build_from_cfg(args, registry, defaults)
