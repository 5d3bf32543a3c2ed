"""Schedulers of the learning rate."""

from __future__ import annotations

from typing import Any

from mmengine.registry import PARAM_SCHEDULERS

from . import param_scheduler as ps
from .param_scheduler import OptimizerType


class LRSchedulerMixin:
    """Makes a scheduler of any value one of the learning rate."""

    def __init__(self, optimizer: OptimizerType, *args: Any, **kwargs: Any) -> None:
        super().__init__(optimizer, 'lr', *args, **kwargs)  # type: ignore[call-arg]


@PARAM_SCHEDULERS.register_module()
class ConstantLR(LRSchedulerMixin, ps.ConstantParamScheduler):
    """Constant of the learning rate; see `ConstantParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class CosineAnnealingLR(LRSchedulerMixin, ps.CosineAnnealingParamScheduler):
    """CosineAnnealing of the learning rate; see `CosineAnnealingParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class CosineRestartLR(LRSchedulerMixin, ps.CosineRestartParamScheduler):
    """CosineRestart of the learning rate; see `CosineRestartParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class ExponentialLR(LRSchedulerMixin, ps.ExponentialParamScheduler):
    """Exponential of the learning rate; see `ExponentialParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class LinearLR(LRSchedulerMixin, ps.LinearParamScheduler):
    """Linear of the learning rate; see `LinearParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class MultiStepLR(LRSchedulerMixin, ps.MultiStepParamScheduler):
    """MultiStep of the learning rate; see `MultiStepParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class OneCycleLR(LRSchedulerMixin, ps.OneCycleParamScheduler):
    """OneCycle of the learning rate; see `OneCycleParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class PolyLR(LRSchedulerMixin, ps.PolyParamScheduler):
    """Poly of the learning rate; see `PolyParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class ReduceOnPlateauLR(LRSchedulerMixin, ps.ReduceOnPlateauParamScheduler):
    """ReduceOnPlateau of the learning rate; see `ReduceOnPlateauParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class StepLR(LRSchedulerMixin, ps.StepParamScheduler):
    """Step of the learning rate; see `StepParamScheduler`."""
