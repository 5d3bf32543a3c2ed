"""Registers torch's optimizers and builds wrappers from configs."""

from __future__ import annotations

import copy
import inspect

import torch
from torch import nn
from torch.optim import Optimizer

from mmengine.config import Config, ConfigDict
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS
from mmengine.utils.errors import ConfigError

from .base import BaseOptimWrapper


def register_torch_optimizers() -> list[str]:
    """Register all optimizers of `torch.optim` by their names; `Adafactor` as `TorchAdafactor`.

    The plain name means the one of transformers in existing configs, whose arguments differ.
    """
    names = []
    for name, cls in vars(torch.optim).items():
        if inspect.isclass(cls) and issubclass(cls, Optimizer) and cls is not Optimizer:
            OPTIMIZERS.register_module(name='TorchAdafactor' if name == 'Adafactor' else name, module=cls)
            names.append(name)
    return names


TORCH_OPTIMIZERS = register_torch_optimizers()


def build_optim_wrapper(model: nn.Module, cfg: dict | Config | ConfigDict) -> BaseOptimWrapper:
    """Build the optimizer wrapper of a model.

    Args:
        cfg: arguments of the wrapper, with `optimizer`; and `constructor` (a type, by default
            `DefaultOptimWrapperConstructor`), which gets the rest and `paramwise_cfg`. If it returns a plain optimizer,
            this is wrapped.
    """
    if not isinstance(cfg, dict | Config | ConfigDict):
        raise TypeError(f'optim_wrapper should be a dict, but got {type(cfg).__name__}')
    cfg = copy.deepcopy(cfg)
    constructor_type = cfg.pop('constructor', 'DefaultOptimWrapperConstructor')
    paramwise_cfg = cfg.pop('paramwise_cfg', None)
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.build(
        {'type': constructor_type, 'optim_wrapper_cfg': cfg, 'paramwise_cfg': paramwise_cfg}
    )
    built = constructor(model)
    if isinstance(built, Optimizer):
        rest = cfg.copy()
        rest.pop('optimizer', None)
        built = OPTIM_WRAPPERS.build(rest, default_args={'type': 'OptimWrapper', 'optimizer': built})
    if not isinstance(built, BaseOptimWrapper):
        raise ConfigError(
            f'the constructor {constructor_type!r} should return an OptimWrapper or an optimizer, '
            f'but returned {type(built).__name__}'
        )
    return built
