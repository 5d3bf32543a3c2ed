"""A schedule that follows a metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch.optim import Optimizer

from mmengine.optim.optimizer.base import BaseOptimWrapper
from mmengine.registry import PARAM_SCHEDULERS

from .base import INF, OptimizerType, _ParamScheduler


@PARAM_SCHEDULERS.register_module()
class ReduceOnPlateauParamScheduler(_ParamScheduler):
    """Times `factor` when a metric has not become better for more than `patience` validations.

    Args:
        monitor: name of the metric, as the evaluator returns it.
        rule: `'less'` or `'greater'`, what is better.
        threshold: by how much it has to be better: a share of the best (`threshold_rule='rel'`), an amount (`'abs'`).
        cooldown: validations after a reduction in which none counts as bad.
        min_value: the value is not set lower than this, or these, one a group.
        eps: a reduction by less than this is not done.
    """

    best: float  # metric so far
    cooldown_counter: int  # validations left in which none counts as bad
    num_bad_epochs: int
    need_val_args = True  # stepped after each validation, with its metrics

    def __init__(
        self,
        optimizer: OptimizerType,
        param_name: str,
        monitor: str = 'loss',
        rule: str = 'less',
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_rule: str = 'rel',
        cooldown: int = 0,
        min_value: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        if not isinstance(optimizer, Optimizer | BaseOptimWrapper):
            raise TypeError(f'optimizer should be an Optimizer or OptimWrapper, but got {type(optimizer).__name__}')
        if not by_epoch:
            raise ValueError('ReduceOnPlateau steps after validations; by_epoch=False has no meaning for it')
        if factor >= 1.0:
            raise ValueError(f'factor should be < 1.0, but got {factor}')
        groups = len(optimizer.param_groups)
        if not isinstance(min_value, Sequence):
            min_value = [min_value] * groups
        elif len(min_value) not in (groups, len(getattr(optimizer, 'optimizer', optimizer).param_groups)):
            raise ValueError(f'min_value should have one value for each of {groups} groups, but got {min_value}')
        if end <= begin:
            raise ValueError(f'end should be larger than begin, but got begin={begin}, end={end}')
        self.optimizer = optimizer
        self.param_name = param_name
        self.begin = begin
        self.end = end
        self.by_epoch = by_epoch
        self.last_step = last_step
        self._global_step = -1
        self.verbose = verbose
        self.factor = factor
        # An OptimWrapper has one group more, the base settings for the log; it goes with the first.
        self.min_values = [*min_value, *min_value[:1]][:groups]
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.monitor = monitor
        self._init_is_better(rule, threshold, threshold_rule)
        self._reset()
        self._last_value = self._current()

    def step(self, metrics: Mapping[str, float] | None = None) -> None:
        """Take the metrics of a validation; without metrics nothing happens."""
        if metrics is None:
            return
        if not isinstance(metrics, Mapping):
            raise TypeError(f'metrics should be a dict, but got {type(metrics).__name__}')
        if self.monitor not in metrics:
            raise KeyError(f'monitor={self.monitor!r} is no metric of this validation; it gave {sorted(metrics)}')
        self._global_step += 1
        if self.begin <= self._global_step < self.end:
            self.last_step += 1
            metric = metrics[self.monitor]
            if self._is_better(metric, self.best):
                self.best = metric
                self.num_bad_epochs = 0
            else:
                self.num_bad_epochs += 1
            if self._in_cooldown():
                self.cooldown_counter -= 1
                self.num_bad_epochs = 0
            if self.num_bad_epochs > self.patience:
                for i, (group, value) in enumerate(zip(self.optimizer.param_groups, self._get_value(), strict=True)):
                    if group[self.param_name] - value > self.eps:
                        group[self.param_name] = value
                        self.print_value(self.verbose, i, value)
                self.cooldown_counter = self.cooldown
                self.num_bad_epochs = 0
        self._last_value = self._current()

    def _get_value(self) -> list:
        """The reduced values."""
        return [max(value * self.factor, low) for value, low in zip(self._current(), self.min_values, strict=True)]

    def _in_cooldown(self) -> bool:
        return self.cooldown_counter > 0

    def _is_better(self, a: float, best: float) -> bool:
        sign = 1 if self.rule == 'less' else -1
        margin = self.threshold * best if self.threshold_rule == 'rel' else self.threshold
        return sign * (a - best) < -margin

    def _init_is_better(self, rule: str, threshold: float, threshold_rule: str) -> None:
        if rule not in ('less', 'greater'):
            raise ValueError(f"rule should be 'less' or 'greater', but got {rule!r}")
        if threshold_rule not in ('rel', 'abs'):
            raise ValueError(f"threshold_rule should be 'rel' or 'abs', but got {threshold_rule!r}")
        self.rule = rule
        self.threshold = threshold
        self.threshold_rule = threshold_rule
        self.rule_worse = INF if rule == 'less' else -INF

    def _reset(self) -> None:
        self.best = self.rule_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
