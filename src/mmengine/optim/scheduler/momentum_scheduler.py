"""Schedulers of the momentum, or of the first beta of the Adam family."""

from __future__ import annotations

from typing import Any

from mmengine.registry import PARAM_SCHEDULERS

from . import param_scheduler as ps
from .param_scheduler import OptimizerType


class MomentumSchedulerMixin:
    """Makes a scheduler of any value one of the momentum.

    In optimizers with `betas` the momentum is the first of them; the groups then also have it as `momentum`.
    """

    optimizer: OptimizerType

    def __init__(self, optimizer: OptimizerType, *args: Any, **kwargs: Any) -> None:
        defaults = getattr(optimizer, 'defaults', {})
        self.use_betas = 'momentum' not in defaults and 'betas' in defaults
        if self.use_betas:
            for group in optimizer.param_groups:
                group['momentum'] = group['betas'][0]
        elif 'momentum' not in defaults:
            raise ValueError(f'a momentum scheduler needs an optimizer with momentum or betas, but got {optimizer!r}')
        super().__init__(optimizer, 'momentum', *args, **kwargs)  # type: ignore[call-arg]

    def step(self, *args: Any, **kwargs: Any) -> None:
        super().step(*args, **kwargs)  # type: ignore[misc]
        if self.use_betas:
            for group in self.optimizer.param_groups:
                group['betas'] = (group['momentum'], *group['betas'][1:])


@PARAM_SCHEDULERS.register_module()
class ConstantMomentum(MomentumSchedulerMixin, ps.ConstantParamScheduler):
    """Constant of the momentum; see `ConstantParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class CosineAnnealingMomentum(MomentumSchedulerMixin, ps.CosineAnnealingParamScheduler):
    """CosineAnnealing of the momentum; see `CosineAnnealingParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class CosineRestartMomentum(MomentumSchedulerMixin, ps.CosineRestartParamScheduler):
    """CosineRestart of the momentum; see `CosineRestartParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class ExponentialMomentum(MomentumSchedulerMixin, ps.ExponentialParamScheduler):
    """Exponential of the momentum; see `ExponentialParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class LinearMomentum(MomentumSchedulerMixin, ps.LinearParamScheduler):
    """Linear of the momentum; see `LinearParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class MultiStepMomentum(MomentumSchedulerMixin, ps.MultiStepParamScheduler):
    """MultiStep of the momentum; see `MultiStepParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class PolyMomentum(MomentumSchedulerMixin, ps.PolyParamScheduler):
    """Poly of the momentum; see `PolyParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class ReduceOnPlateauMomentum(MomentumSchedulerMixin, ps.ReduceOnPlateauParamScheduler):
    """ReduceOnPlateau of the momentum; see `ReduceOnPlateauParamScheduler`."""


@PARAM_SCHEDULERS.register_module()
class StepMomentum(MomentumSchedulerMixin, ps.StepParamScheduler):
    """Step of the momentum; see `StepParamScheduler`."""
