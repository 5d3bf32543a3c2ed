"""Optimizers, their wrappers, and constructors that make parameter groups."""

from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS

from .amp_optimizer_wrapper import AmpOptimWrapper
from .base import BaseOptimWrapper
from .builder import TORCH_OPTIMIZERS, build_optim_wrapper
from .default_constructor import DefaultOptimWrapperConstructor
from .families import OptimizerFamily
from .optimizer_wrapper import OptimWrapper
from .optimizer_wrapper_dict import OptimWrapperDict
from .param_rules import ParamRule, format_rules
from .zero_optimizer import ZeroRedundancyOptimizer

__all__ = [
    'OPTIMIZERS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'TORCH_OPTIMIZERS',
    'AmpOptimWrapper',
    'BaseOptimWrapper',
    'DefaultOptimWrapperConstructor',
    'OptimWrapper',
    'OptimizerFamily',
    'OptimWrapperDict',
    'ParamRule',
    'ZeroRedundancyOptimizer',
    'build_optim_wrapper',
    'format_rules',
]
