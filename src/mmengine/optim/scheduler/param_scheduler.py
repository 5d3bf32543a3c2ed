"""Schedules of a value of an optimizer's parameter groups: learning rate, momentum, weight decay, ...

Each schedule acts on the value that stands in the group, not on a value of its own, so that several schedules of one
value multiply: what `Exponential` does after a `Linear` warm-up starts from where the warm-up ended.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeAlias

from torch.optim import Optimizer

from mmengine.logging import print_log
from mmengine.optim.optimizer.base import BaseOptimWrapper
from mmengine.registry import PARAM_SCHEDULERS

INF = int(1e9)

OptimizerType: TypeAlias = BaseOptimWrapper | Optimizer


def _iterations(time: int, epoch_length: int) -> int:
    """Epochs in iterations; a schedule without end stays without end."""
    return time if time == INF else int(time * epoch_length)


def _check_conversion(by_epoch: bool, epoch_length: int | None) -> int:
    if not by_epoch:
        raise ValueError('only a scheduler with by_epoch=True can be converted to steps by iteration')
    if not isinstance(epoch_length, int) or epoch_length < 1:
        raise ValueError(f'epoch_length should be a positive integer, but got {epoch_length!r}')
    return epoch_length


class _ParamScheduler:
    """Base class. A subclass gives `_get_value`, the values of all groups at `last_step`.

    Args:
        param_name: key of the value in the parameter groups.
        begin, end: the steps in `[begin, end)` change the value, counted in epochs or iterations.
        last_step: steps done so far, of the steps in `[begin, end)`; other than -1 only for an optimizer that has
            an `initial_{param_name}`.
        by_epoch: whether `step` is to be called once an epoch rather than once an iteration.
        verbose: print each value that is set.

    Raises:
        KeyError: `last_step` is given, but a group lacks `initial_{param_name}`.
    """

    def __init__(
        self,
        optimizer: OptimizerType,
        param_name: str,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        if not isinstance(optimizer, Optimizer | BaseOptimWrapper):
            raise TypeError(f'optimizer should be an Optimizer or OptimWrapper, but got {type(optimizer).__name__}')
        if isinstance(optimizer.param_groups, dict):
            raise TypeError(
                f'a scheduler drives one optimizer, but got a {type(optimizer).__name__} of '
                f'{", ".join(optimizer.param_groups)}; give param_scheduler as a dict with a list for each'
            )
        if end <= begin:
            raise ValueError(f'end should be larger than begin, but got begin={begin}, end={end}')
        self.optimizer = optimizer
        self.param_name = param_name
        self.begin = begin
        self.end = end
        self.by_epoch = by_epoch
        initial = f'initial_{param_name}'
        for i, group in enumerate(optimizer.param_groups):
            if last_step == -1:
                group.setdefault(initial, group[param_name])
            elif initial not in group:
                raise KeyError(
                    f'last_step={last_step}, but param_groups[{i}] has no {initial!r}; '
                    'load the state of the optimizer first'
                )
        self.base_values = [group[initial] for group in optimizer.param_groups]
        self.last_step = last_step
        self._global_step = -1
        self.verbose = verbose
        self._last_value: list = []
        self.step()

    def state_dict(self) -> dict:
        """All attributes but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != 'optimizer'}

    def load_state_dict(self, state_dict: dict) -> None:
        self.__dict__.update(state_dict)

    def get_last_value(self) -> list:
        """Values of all groups after the last step."""
        return self._last_value

    def _get_value(self) -> list:
        """Values of all groups at `last_step`, 0 in the first step of `[begin, end)`."""
        raise NotImplementedError

    def print_value(self, is_verbose: bool, group: int, value: float) -> None:
        if is_verbose:
            print_log(f'{self.param_name} of group {group} is set to {value:.4e}', logger='current')

    def step(self) -> None:
        """Set the values of the next epoch or iteration."""
        self._global_step += 1
        groups = self.optimizer.param_groups
        if self.begin <= self._global_step < self.end:
            self.last_step += 1
            for i, (group, value) in enumerate(zip(groups, self._get_value(), strict=False)):
                group[self.param_name] = value
                if self.verbose:
                    self.print_value(self.verbose, i, value)
        self._last_value = [group[self.param_name] for group in groups]

    def _current(self) -> list:
        return [group[self.param_name] for group in self.optimizer.param_groups]

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args: Any,
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        epoch_length: int | None = None,
        **kwargs: Any,
    ) -> Self:
        """The scheduler whose times are given in epochs, but which steps each iteration.

        Args:
            epoch_length: iterations of an epoch.
        """
        length = _check_conversion(by_epoch, epoch_length)
        return cls(
            *args, begin=_iterations(begin, length), end=_iterations(end, length), by_epoch=False, **kwargs
        )


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
class CosineAnnealingParamScheduler(_ParamScheduler):
    """Half a cosine from the value to `eta_min` in `T_max` steps, and back (SGDR, arXiv:1608.03983, without restarts).

    Args:
        T_max: steps from the largest to the smallest value; `end - begin` by default.
        eta_min: smallest value, 0 by default.
        eta_min_ratio: smallest value as a share of each group's initial one, instead of `eta_min`.
    """

    def __init__(
        self,
        optimizer: OptimizerType,
        param_name: str,
        T_max: int | None = None,
        eta_min: float | None = None,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
        eta_min_ratio: float | None = None,
    ) -> None:
        if eta_min is not None and eta_min_ratio is not None:
            raise ValueError(f'give eta_min ({eta_min}) or eta_min_ratio ({eta_min_ratio}), not both')
        self.T_max = T_max or (end - begin)
        self.eta_min = 0.0 if eta_min is None and eta_min_ratio is None else eta_min
        self.eta_min_ratio = eta_min_ratio
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list:
        current = self._current()
        if self.last_step == 0:
            return current
        step, period = self.last_step, self.T_max
        turn = (step - 1 - period) % (2 * period) == 0  # the step before was at the bottom, where the ratio is 0/0
        values = []
        for base, value in zip(self.base_values, current, strict=False):
            low = self.eta_min if self.eta_min_ratio is None else base * self.eta_min_ratio
            if turn:
                values.append(value + (base - low) * (1 - math.cos(math.pi / period)) / 2)
            else:
                ratio = (1 + math.cos(math.pi * step / period)) / (1 + math.cos(math.pi * (step - 1) / period))
                values.append(ratio * (value - low) + low)
        return values

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args: Any,
        T_max: int | None = None,
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        epoch_length: int | None = None,
        **kwargs: Any,
    ) -> Self:
        length = _check_conversion(by_epoch, epoch_length)
        if T_max is not None:
            T_max = T_max * length
        return super().build_iter_from_epoch(
            *args, T_max=T_max, begin=begin, end=end, epoch_length=length, **kwargs
        )


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
class LinearParamScheduler(_ParamScheduler):
    """The value times a factor that goes linearly from `start_factor` to `end_factor`, reached at step `end - 1`.

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
class StepParamScheduler(_ParamScheduler):
    """Times `gamma` after each `step_size` steps."""

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

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args: Any,
        step_size: int,
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        epoch_length: int | None = None,
        **kwargs: Any,
    ) -> Self:
        length = _check_conversion(by_epoch, epoch_length)
        return super().build_iter_from_epoch(
            *args, step_size=step_size * length, begin=begin, end=end, epoch_length=length, **kwargs
        )


@PARAM_SCHEDULERS.register_module()
class MultiStepParamScheduler(_ParamScheduler):
    """Times `gamma` at each of the `milestones`, which are counted from `begin`."""

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

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args: Any,
        milestones: list[int],
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        epoch_length: int | None = None,
        **kwargs: Any,
    ) -> Self:
        length = _check_conversion(by_epoch, epoch_length)
        return super().build_iter_from_epoch(
            *args,
            milestones=[milestone * length for milestone in milestones],
            begin=begin,
            end=end,
            epoch_length=length,
            **kwargs,
        )


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
        share = self._share_left()
        return [(value - self.eta_min) * share + self.eta_min for value in self._current()]


from mmengine.optim.scheduler.cycles import (  # noqa: E402  the cyclic ones derive from the base class above
    CosineRestartParamScheduler,
    OneCycleParamScheduler,
)
from mmengine.optim.scheduler.plateau import ReduceOnPlateauParamScheduler  # noqa: E402

__all__ = []
