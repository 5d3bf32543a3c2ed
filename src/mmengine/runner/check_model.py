"""Checks that need the model: it is built without memory for its parameters, on the meta device."""

from __future__ import annotations

import contextlib
import copy
import re
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from mmengine.config import ConfigDict
from mmengine.config.checking import ERROR, WARNING, CheckContext, Finding, nearest, rule
from mmengine.config.open_values import has_open
from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.optim.optimizer.param_rules import PARAMWISE_KEYS, nearest_name
from mmengine.registry import MODELS, OPTIM_WRAPPER_CONSTRUCTORS, DefaultScope
from mmengine.registry.check_types import CONFIRMED, argument_kind, missing_argument, unknown_argument
from mmengine.utils.errors import MissingDependencyError, MMError, UnknownTypeError

_FACTORIES = {torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.full}
_FILLERS = {
    getattr(torch.Tensor, name)
    for name in ('normal_', 'uniform_', 'zero_', 'fill_', 'erfinv_', 'mul_', 'add_', 'clamp_', 'copy_')
}
_ADDRESS = re.compile(r'\bat ([\w.]+) \(')


class _WithoutMemory(TorchFunctionMode):
    """Parameters are made on the meta device.

    Args:
        ranges: whether `torch.arange` is as well. What is computed from it may be large, but a constructor may read it.
    """

    def __init__(self, ranges: bool) -> None:
        super().__init__()
        self.factories = _FACTORIES | ({torch.arange} if ranges else set())

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if func in self.factories and kwargs.get('device') is None:
            kwargs['device'] = 'meta'
        if func in _FILLERS and args[0].is_meta:
            return args[0]  # by itself, the first of them would import a compiler
        return func(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class Built:
    """The model, or why there is none."""

    model: nn.Module | None = None
    error: Exception | None = None


def build_on_meta(ctx: CheckContext) -> Built:
    """The model of the config; neither model nor error where the config has none."""
    cfg = ctx.root.get('model')
    if not isinstance(cfg, ConfigDict) or has_open(cfg):
        return Built()
    cfg = _without_downloads(copy.deepcopy(cfg))
    with DefaultScope.overwrite_default_scope(ctx.scope), torch.random.fork_rng(devices=[]):
        # A constructor may need numbers that are not there. So what fails is tried again, at last with all of them.
        for mode in (_WithoutMemory(ranges=True), _WithoutMemory(ranges=False), contextlib.nullcontext()):
            built = _build(cfg, mode)
            if built.error is None or isinstance(built.error, MMError):
                break
    return built


def _build(cfg: ConfigDict, mode: contextlib.AbstractContextManager) -> Built:
    with mode, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            return Built(MODELS.build(cfg).eval())
        except Exception as error:  # noqa: BLE001 - said as a finding
            return Built(error=error)


def _without_downloads(value: Any) -> Any:
    """`value` with `pretrained=True`, which would fetch weights, switched off."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == 'pretrained' and item is True:
                dict.__setitem__(value, key, False)
            else:
                _without_downloads(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _without_downloads(item)
    return value


def is_built(ctx: CheckContext) -> bool:
    return ctx.fact(build_on_meta).model is not None


CONFIRMED['model'] = is_built


@rule('model')
def model_can_be_built(ctx: CheckContext) -> Iterator[Finding]:
    """The constructor of a part of the model refuses its arguments."""
    error = ctx.fact(build_on_meta).error
    if error is None or isinstance(error, (UnknownTypeError, MissingDependencyError)):
        return  # found by rules of their own
    text = str(error)
    path = next((m[1] for t in (text, *getattr(error, '__notes__', ())) if (m := _ADDRESS.search(t))), 'model')
    said = [f.key for check in (unknown_argument, missing_argument, argument_kind) for f in check(ctx)]
    if any(key == path or key.rpartition('.')[0] == path for key in said):
        return  # the reason is found already
    node, key = _node_at(ctx.root, path)
    lines = [line.strip() for line in text.splitlines() if not _ADDRESS.search(line)]
    kind = '' if type(error).__name__ in ('ConfigError', 'ArgumentError') else f'{type(error).__name__}: '
    yield ctx.at(node, key, kind + (lines[0] if lines else text), ' '.join(lines[1:]))


@rule('missing-package', WARNING)
def packages_are_installed(ctx: CheckContext) -> Iterator[Finding]:
    """The model needs a package that is not installed here."""
    error = ctx.fact(build_on_meta).error
    if isinstance(error, MissingDependencyError):
        path = next((m[1] for t in getattr(error, '__notes__', ()) if (m := _ADDRESS.search(t))), 'model')
        yield ctx.at(*_node_at(ctx.root, path), str(error))


def _node_at(root: ConfigDict, path: str) -> tuple[ConfigDict, Any]:
    """The innermost dict on a dotted path, and the rest of the path if it is a key of that dict."""
    best = root
    value: Any = root
    keys = path.split('.')
    for depth, key in enumerate(keys):
        try:
            value = value[int(key)] if isinstance(value, (list, tuple)) else value[key]
        except (KeyError, IndexError, ValueError, TypeError):
            return best, None
        if isinstance(value, ConfigDict):
            best = value
        elif depth == len(keys) - 1:
            return best, key
    return best, None


# ---------------------------------------------------------------------------------------------------- parameter groups


def _constructor(ctx: CheckContext) -> tuple[Any, UnknownTypeError | None]:
    kind = ctx.node('optim_wrapper').get('constructor', 'DefaultOptimWrapperConstructor')
    if not isinstance(kind, str):
        return kind, None
    with OPTIM_WRAPPER_CONSTRUCTORS.switch_scope_and_registry(ctx.scope):
        try:
            return OPTIM_WRAPPER_CONSTRUCTORS.resolve(kind), None
        except UnknownTypeError as error:
            return None, error


@rule('optimizer-constructor')
def constructor_exists(ctx: CheckContext) -> Iterator[Finding]:
    """`optim_wrapper.constructor` is not registered."""
    error = ctx.fact(_constructor)[1]
    if error is not None:
        first, *rest = str(error).splitlines()
        near = next((s.strip() for s in rest if 'did you mean' in s), '')
        yield ctx.at(ctx.node('optim_wrapper'), 'constructor', first, near)


@rule('paramwise-key', WARNING)
def paramwise_keys_exist(ctx: CheckContext) -> Iterator[Finding]:
    """A key of `paramwise_cfg` that the constructor does not know; it would do nothing."""
    target = ctx.fact(_constructor)[0]
    # A class whose constructor or rules are its own may know keys of its own.
    base: Any = DefaultOptimWrapperConstructor
    if getattr(target, '__init__', None) is not base.__init__:
        return
    extra = target.extra_keys
    if not extra and target.add_params is not base.add_params:
        return
    node = ctx.node('optim_wrapper.paramwise_cfg')
    for key in node:
        if key not in PARAMWISE_KEYS | extra:
            yield ctx.at(node, key, f'paramwise_cfg has no key {key!r}', nearest(key, PARAMWISE_KEYS | extra))


@rule('optimizer')
def optimizer_is_given(ctx: CheckContext) -> Iterator[Finding]:
    """`optim_wrapper` has no `optimizer`, and no constructor that would make one."""
    node = ctx.root.get('optim_wrapper')
    if isinstance(node, ConfigDict) and 'optimizer' not in node and 'constructor' not in node:
        hint = nearest('optimizer', node, fallback=False) or "optimizer=dict(type='SGD', lr=0.01)"
        yield ctx.at(node, None, 'optim_wrapper has no `optimizer`', hint)


@rule('weight-decay')
def decay_multipliers_have_a_decay(ctx: CheckContext) -> Iterator[Finding]:
    """`paramwise_cfg` multiplies a weight decay that the optimizer config does not have."""
    optimizer = ctx.node('optim_wrapper.optimizer')
    node = ctx.node('optim_wrapper.paramwise_cfg')
    if not optimizer or optimizer.get('weight_decay') is not None or 'constructor' in ctx.node('optim_wrapper'):
        return
    if nearest('weight_decay', optimizer, fallback=False):
        return  # it is misspelt
    for key in ('norm_decay_mult', 'bias_decay_mult', 'dwconv_decay_mult', 'flat_decay_mult'):
        if key in node:
            yield ctx.at(
                node, key, f'{key} multiplies the weight decay, but the optimizer has none', 'set weight_decay'
            )
    custom = ctx.node('optim_wrapper.paramwise_cfg.custom_keys')
    for key, value in custom.items():
        if isinstance(value, ConfigDict) and 'decay_mult' in value:
            yield ctx.at(custom, key, 'decay_mult needs the optimizer to have a weight_decay', 'set weight_decay')


@rule('custom-keys', WARNING)
def custom_keys_match(ctx: CheckContext) -> Iterator[Finding]:
    """A key of `paramwise_cfg.custom_keys` is part of no parameter's name: what it asks for does not happen."""
    model = ctx.fact(build_on_meta).model
    node = ctx.node('optim_wrapper.paramwise_cfg.custom_keys')
    if model is None or not node:
        return
    names = [name for name, _ in model.named_parameters()]
    strict = ctx.node('optim_wrapper.paramwise_cfg').get('strict', False)
    for key in node:
        if not any(str(key) in name for name in names):
            near = nearest_name(str(key), names)
            hint = f'the nearest name is {near}' if near else ''
            yield ctx.at(node, key, f'{key!r} is part of no parameter name', hint, ERROR if strict else '')


# -------------------------------------------------------------------------------------------------------------- shapes


@rule('channels', slow=True)
def channels_fit(ctx: CheckContext) -> Iterator[Finding]:
    """A part of the model gets features of another shape, or fewer of them, than it is made for."""
    model = ctx.fact(build_on_meta).model
    if model is None:
        return
    for path, run in _runs(model.to('meta'), ctx):
        try:
            with torch.no_grad(), warnings.catch_warnings(), DefaultScope.overwrite_default_scope(ctx.scope):
                warnings.simplefilter('ignore')
                run()
        except (RuntimeError, IndexError, AssertionError) as error:
            found = _shape_finding(ctx, model, path, error)
            if found is not None:
                yield found
                return
        except Exception:  # noqa: BLE001 - what cannot run on the meta device says nothing about shapes
            return


def _runs(model: nn.Module, ctx: CheckContext) -> Iterator[tuple[str, Any]]:
    """Path in the config and a call, part by part: the features, then the heads."""
    mean = ctx.node('model.data_preprocessor').get('mean') or ctx.node('data_preprocessor').get('mean') or [0] * 3
    image = torch.empty(1, len(mean), 512, 512, device='meta')
    if not hasattr(model, 'extract_feat') or not hasattr(model, 'decode_head'):
        return
    features: list[Any] = []
    yield 'model.backbone', lambda: features.append(model.extract_feat(image))  # type: ignore[operator]
    if not features:
        return
    head: Any = model.decode_head
    if not isinstance(head, nn.ModuleList):
        yield 'model.decode_head', lambda: head(features[0])
    auxiliary: Any = getattr(model, 'auxiliary_head', None)
    several = isinstance(auxiliary, nn.ModuleList)
    for number, each in enumerate(auxiliary if several else [auxiliary] if auxiliary is not None else []):
        yield f'model.auxiliary_head.{number}' if several else 'model.auxiliary_head', lambda h=each: h(features[0])


def _shape_finding(ctx: CheckContext, model: nn.Module, path: str, error: Exception) -> Finding | None:
    if isinstance(error, IndexError):
        node = _node_at(ctx.root, path)[0]
        known = 'head' in path and 'index out of range' in str(error)
        return (
            ctx.at(node, 'in_index', 'in_index asks for a feature that backbone and neck do not give')
            if known
            else None
        )
    name, module, features = _failing_module(model, error)
    wanted = getattr(module, 'in_channels', None) or getattr(module, 'in_features', None)
    if wanted is None or features is None:
        return None
    got = features.shape[1 if hasattr(module, 'in_channels') else -1]
    if got == wanted:
        return None
    node = _node_at(ctx.root, f'model.{name}')[0]
    own = node.get('in_channels') == wanted
    message = f'{name} is made for {wanted} channels, but gets {got}'
    return ctx.at(node, 'in_channels' if own else None, message, f'in_channels={got}' if own else '')


def _failing_module(model: nn.Module, error: Exception) -> tuple[str, nn.Module, torch.Tensor | None]:
    """Name of the innermost module in which an error arose, the module, and what it got."""
    names = {id(module): name for name, module in model.named_modules()}
    found: tuple[str, nn.Module, torch.Tensor | None] = '', model, None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = frame.f_locals.get('self')
        if isinstance(module, nn.Module) and id(module) in names:
            got = frame.f_locals.get('input')
            found = names[id(module)], module, got if isinstance(got, torch.Tensor) else None
    return found
