"""Initialisation as `init_cfg` of a config describes it, by name and by kind of layer."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from mmengine.checkpoint import _load_checkpoint_with_prefix, load_checkpoint, load_state_dict
from mmengine.logging import print_log
from mmengine.model.init_functions import (
    bias_init_with_prob,
    caffe2_xavier_init,
    constant_init,
    kaiming_init,
    normal_init,
    trunc_normal_,
    trunc_normal_init,
    uniform_init,
    xavier_init,
)
from mmengine.registry import WEIGHT_INITIALIZERS
from mmengine.utils.errors import ConfigError

__all__ = [
    'BaseInit',
    'Caffe2XavierInit',
    'ConstantInit',
    'KaimingInit',
    'NormalInit',
    'PretrainedInit',
    'TruncNormalInit',
    'UniformInit',
    'XavierInit',
    'bias_init_with_prob',
    'caffe2_xavier_init',
    'constant_init',
    'initialize',
    'kaiming_init',
    'normal_init',
    'trunc_normal_',
    'trunc_normal_init',
    'uniform_init',
    'update_init_info',
    'xavier_init',
]


def update_init_info(module: nn.Module, init_info: str) -> None:
    """Note `init_info` for those parameters of `module` whose values changed since the last note.

    Only within `BaseModule.init_weights`, which gives all modules the common table `_params_init_info`.
    """
    table: dict[nn.Parameter, dict[str, Any]] = module._params_init_info  # type: ignore[assignment]
    for name, param in module.named_parameters():
        if param not in table:
            raise RuntimeError(
                f'{name} of shape {tuple(param.shape)} is not among the parameters of the model: did an '
                f'`init_weights` of {type(module).__name__} replace a parameter instead of changing its values?'
            )
        mean = param.detach().mean().cpu()
        if not torch.equal(table[param]['tmp_mean_value'], mean):
            table[param].update(init_info=init_info, tmp_mean_value=mean)


class BaseInit:
    """What initialisers have in common.

    Args:
        bias: value of the biases.
        bias_prob: if given, `bias` is the value for which a sigmoid gives this probability.
        layer: name or names of the classes to initialise; a layer counts by its class and its direct base classes.
    """

    def __init__(
        self, *, bias: float = 0, bias_prob: float | None = None, layer: str | list[str] | None = None
    ) -> None:
        self.wholemodule = False
        if not isinstance(bias, int | float):
            raise TypeError(f'bias should be a number, but got {bias!r}')
        if not (bias_prob is None or isinstance(bias_prob, float)):
            raise TypeError(f'bias_prob should be a float, but got {bias_prob!r}')
        if not (layer is None or isinstance(layer, str | list)):
            raise TypeError(f'layer should be a str or a list of str, but got {layer!r}')
        self.bias = bias if bias_prob is None else bias_init_with_prob(bias_prob)
        self.layer = [layer] if isinstance(layer, str) else (layer or [])

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}, bias={self.bias}'

    def _init_layer(self, module: nn.Module) -> None:
        """Initialise one layer."""
        raise NotImplementedError

    def __call__(self, module: nn.Module) -> None:
        def visit(child: nn.Module) -> None:
            if self.wholemodule or self._matches(child):
                self._init_layer(child)

        module.apply(visit)
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())

    def _matches(self, module: nn.Module) -> bool:
        cls = type(module)
        return any(name in self.layer for name in (cls.__name__, *(base.__name__ for base in cls.__bases__)))


@WEIGHT_INITIALIZERS.register_module(name='Constant')
class ConstantInit(BaseInit):
    """All weights `val`."""

    def __init__(self, val: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.val = val

    def _init_layer(self, module: nn.Module) -> None:
        constant_init(module, self.val, self.bias)

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: val={self.val}, bias={self.bias}'


@WEIGHT_INITIALIZERS.register_module(name='Xavier')
class XavierInit(BaseInit):
    """See `xavier_init`."""

    def __init__(self, gain: float = 1, distribution: str = 'normal', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gain = gain
        self.distribution = distribution

    def _init_layer(self, module: nn.Module) -> None:
        xavier_init(module, self.gain, self.bias, self.distribution)

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: gain={self.gain}, distribution={self.distribution}, bias={self.bias}'


@WEIGHT_INITIALIZERS.register_module(name='Normal')
class NormalInit(BaseInit):
    """Normally distributed weights."""

    def __init__(self, mean: float = 0, std: float = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mean = mean
        self.std = std

    def _init_layer(self, module: nn.Module) -> None:
        normal_init(module, self.mean, self.std, self.bias)

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: mean={self.mean}, std={self.std}, bias={self.bias}'


@WEIGHT_INITIALIZERS.register_module(name='TruncNormal')
class TruncNormalInit(BaseInit):
    """See `trunc_normal_`."""

    def __init__(self, mean: float = 0, std: float = 1, a: float = -2, b: float = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mean = mean
        self.std = std
        self.a = a
        self.b = b

    def _init_layer(self, module: nn.Module) -> None:
        trunc_normal_init(module, self.mean, self.std, self.a, self.b, self.bias)

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: a={self.a}, b={self.b}, mean={self.mean}, std={self.std}, bias={self.bias}'


@WEIGHT_INITIALIZERS.register_module(name='Uniform')
class UniformInit(BaseInit):
    """Weights uniform in `[a, b]`."""

    def __init__(self, a: float = 0, b: float = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.a = a
        self.b = b

    def _init_layer(self, module: nn.Module) -> None:
        uniform_init(module, self.a, self.b, self.bias)

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: a={self.a}, b={self.b}, bias={self.bias}'


@WEIGHT_INITIALIZERS.register_module(name='Kaiming')
class KaimingInit(BaseInit):
    """See `kaiming_init`."""

    def __init__(
        self,
        a: float = 0,
        mode: str = 'fan_out',
        nonlinearity: str = 'relu',
        distribution: str = 'normal',
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.a = a
        self.mode = mode
        self.nonlinearity = nonlinearity
        self.distribution = distribution

    def _init_layer(self, module: nn.Module) -> None:
        kaiming_init(module, self.a, self.mode, self.nonlinearity, self.bias, self.distribution)

    def _get_init_info(self) -> str:
        return (
            f'{type(self).__name__}: a={self.a}, mode={self.mode}, nonlinearity={self.nonlinearity}, '
            f'distribution={self.distribution}, bias={self.bias}'
        )


@WEIGHT_INITIALIZERS.register_module(name='Caffe2Xavier')
class Caffe2XavierInit(KaimingInit):
    """See `caffe2_xavier_init`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(a=1, mode='fan_in', nonlinearity='leaky_relu', distribution='uniform', **kwargs)


@WEIGHT_INITIALIZERS.register_module(name='Pretrained')
class PretrainedInit:
    """Load a checkpoint; keys that do not match are reported and left out.

    Args:
        checkpoint: a path, URL or `scheme://` address.
        prefix: load only the part of the checkpoint below this name, such as `backbone.`.
    """

    def __init__(self, checkpoint: str, prefix: str | None = None, map_location: Any = 'cpu') -> None:
        self.checkpoint = checkpoint
        self.prefix = prefix
        self.map_location = map_location

    def __call__(self, module: nn.Module) -> None:
        if self.prefix is None:
            print_log(f'load model from: {self.checkpoint}', logger='current')
            load_checkpoint(module, self.checkpoint, map_location=self.map_location, strict=False, logger='current')
        else:
            print_log(f'load {self.prefix} in model from: {self.checkpoint}', logger='current')
            state_dict = _load_checkpoint_with_prefix(self.prefix, self.checkpoint, map_location=self.map_location)
            load_state_dict(module, state_dict, strict=False, logger='current')
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: load from {self.checkpoint}'


def _initialize(module: nn.Module, cfg: Mapping[str, Any], wholemodule: bool = False) -> None:
    initializer = WEIGHT_INITIALIZERS.build(cfg)
    initializer.wholemodule = wholemodule
    initializer(module)


def _initialize_override(
    module: nn.Module, override: Mapping[str, Any] | Sequence[Mapping[str, Any]], cfg: Mapping[str, Any]
) -> None:
    overrides = [override] if isinstance(override, Mapping) else override
    if not isinstance(overrides, list | tuple):
        raise TypeError(f'override should be a dict or a list of dicts, but got {override!r}')
    for item in overrides:
        rest = copy.deepcopy(dict(item))
        name = rest.pop('name', None)
        if name is None:
            raise ConfigError(f'override of init_cfg needs the key "name", but got {dict(item)!r}')
        if not rest:
            rest = dict(cfg)
        elif 'type' not in rest:
            raise ConfigError(
                f'override of init_cfg needs the key "type" beside "name" and other arguments, but got {dict(item)!r}'
            )
        if not hasattr(module, name):
            raise RuntimeError(
                f'override of init_cfg names {name!r}, but {type(module).__name__} has no such attribute'
            )
        _initialize(getattr(module, name), rest, wholemodule=True)


def initialize(module: nn.Module, init_cfg: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """Initialise a module by one config or several in turn.

    Args:
        init_cfg: `dict(type='Kaiming', layer='Conv2d')`. Its `override`, one or several of
            `dict(name='fc', type=..., ...)`, initialises all layers of the named child otherwise; with a `name`
            alone the child is initialised as a whole by the same rule.
    """
    cfgs = [init_cfg] if isinstance(init_cfg, Mapping) else init_cfg
    if not isinstance(cfgs, list | tuple):
        raise TypeError(f'init_cfg should be a dict or a list of dicts, but got {init_cfg!r}')
    for item in cfgs:
        if not isinstance(item, Mapping):
            raise TypeError(f'init_cfg should be a dict or a list of dicts, but got {init_cfg!r}')
        cfg = copy.deepcopy(dict(item))
        override = cfg.pop('override', None)
        _initialize(module, cfg)
        if override is not None:
            cfg.pop('layer', None)
            _initialize_override(module, override, cfg)
