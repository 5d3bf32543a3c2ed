"""Schedules that go one way: constant, linear, polynomial, exponential, in steps."""

from __future__ import annotations

from collections import Counter

from mmengine.registry import PARAM_SCHEDULERS

from .base import INF, OptimizerType, _ParamScheduler


@PARAM_SCHEDULERS.register_module()
class ConstantParamScheduler(_ParamScheduler):
    """The value times `factor` until `end`, then the value itself.

    Args:
        factor: in [0, 1].
    """

    def __init__(
        self,
        optimizer: OptimizerType,
        param_name: str,
        factor: float = 1.0 / 3,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        if not 0 <= factor <= 1.0:
            raise ValueError(f'factor should be between 0 and 1, but got {factor}')
        self.factor = factor
        self.total_iters = end - begin - 1
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list:
        if self.last_step == 0:
            return [value * self.factor for value in self._current()]
        if self.last_step != self.total_iters:
            return self._current()
        if self.factor == 0:
            return list(self.base_values)
        return [value * (1.0 / self.factor) for value in self._current()]


@PARAM_SCHEDULERS.register_module()
class LinearParamScheduler(_ParamScheduler):
    """The value times a factor that goes from `start_factor` to `end_factor` in a line, until step `end - 1`.

    Args:
        start_factor, end_factor: in [0, 1].
    """

    def __init__(
        self,
        optimizer: OptimizerType,
        param_name: str,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        for name, factor in (('start_factor', start_factor), ('end_factor', end_factor)):
            if not 0 <= factor <= 1.0:
                raise ValueError(f'{name} should be between 0 and 1, but got {factor}')
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = end - begin - 1
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list:
        if self.last_step == 0:
            return [value * self.start_factor for value in self._current()]
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_step - 1) * rise
        if before == 0:  # from a factor 0 there is no ratio to the next one
            return [base * rise * self.last_step / self.total_iters for base in self.base_values]
        return [value * (1.0 + rise / before) for value in self._current()]


@PARAM_SCHEDULERS.register_module()
class PolyParamScheduler(_ParamScheduler):
    """From the value to `eta_min` by a polynomial of the time left, reached at step `end - 1`.

    Args:
        power: 1 for a straight line.
    """

    def __init__(
        self,
        optimizer: OptimizerType,
        param_name: str,
        eta_min: float = 0,
        power: float = 1.0,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        self.eta_min = eta_min
        self.power = power
        self.total_iters = end - begin - 1
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _share_left(self) -> float:
        """What a step leaves of the distance to the smallest value."""
        return (1 - 1 / (self.total_iters - self.last_step + 1)) ** self.power

    def _get_value(self) -> list:
        if self.last_step == 0:
            return self._current()
        share, eta_min = self._share_left(), self.eta_min
        return [(value - eta_min) * share + eta_min for value in self._current()]


@PARAM_SCHEDULERS.register_module()
class ExponentialParamScheduler(_ParamScheduler):
    """Times `gamma` at each step."""

    def __init__(
        self,
        optimizer: OptimizerType,
        param_name: str,
        gamma: float,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        self.gamma = gamma
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list:
        if self.last_step == 0:
            return self._current()
        return [value * self.gamma for value in self._current()]


@PARAM_SCHEDULERS.register_module()
class StepParamScheduler(_ParamScheduler):
    """Times `gamma` after each `step_size` steps."""

    time_args = ('step_size',)

    def __init__(
        self,
        optimizer: OptimizerType,
        param_name: str,
        step_size: int,
        gamma: float = 0.1,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list:
        if self.last_step == 0 or self.last_step % self.step_size != 0:
            return self._current()
        return [value * self.gamma for value in self._current()]


@PARAM_SCHEDULERS.register_module()
class MultiStepParamScheduler(_ParamScheduler):
    """Times `gamma` at each of the `milestones`, which are counted from `begin`."""

    time_args = ('milestones',)

    def __init__(
        self,
        optimizer: OptimizerType,
        param_name: str,
        milestones: list[int],
        gamma: float = 0.1,
        last_step: int = -1,
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list:
        times = self.milestones.get(self.last_step, 0)
        if times == 0:
            return self._current()
        return [value * self.gamma**times for value in self._current()]
