"""Schedulers of any value of the parameter groups, by its name."""

from .base import INF, OptimizerType, _ParamScheduler
from .cycles import CosineAnnealingParamScheduler, CosineRestartParamScheduler, OneCycleParamScheduler
from .decay import (
    ConstantParamScheduler,
    ExponentialParamScheduler,
    LinearParamScheduler,
    MultiStepParamScheduler,
    PolyParamScheduler,
    StepParamScheduler,
)
from .plateau import ReduceOnPlateauParamScheduler

__all__ = [
    'INF',
    'OptimizerType',
    'ConstantParamScheduler',
    'CosineAnnealingParamScheduler',
    'CosineRestartParamScheduler',
    'ExponentialParamScheduler',
    'LinearParamScheduler',
    'MultiStepParamScheduler',
    'OneCycleParamScheduler',
    'PolyParamScheduler',
    'ReduceOnPlateauParamScheduler',
    'StepParamScheduler',
    '_ParamScheduler',
]
