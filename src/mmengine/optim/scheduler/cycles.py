"""Schedules that come back: cosines with and without restarts, and one cycle."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from mmengine.registry import PARAM_SCHEDULERS

from .base import INF, OptimizerType, _ParamScheduler


@PARAM_SCHEDULERS.register_module()
class CosineAnnealingParamScheduler(_ParamScheduler):
    """Half a cosine from the value to `eta_min` in `T_max` steps, and back (SGDR, arXiv:1608.03983, section 3).

    Args:
        T_max: steps from the largest to the smallest value; `end - begin` by default.
        eta_min: smallest value, 0 by default.
        eta_min_ratio: smallest value as a share of each group's initial one, instead of `eta_min`.
    """

    time_args = ('T_max',)

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


@PARAM_SCHEDULERS.register_module()
class CosineRestartParamScheduler(_ParamScheduler):
    """Cosines from a share of the initial value to `eta_min`, one after another (SGDR, arXiv:1608.03983).

    Args:
        periods: steps of each cosine. After the last one the value stays.
        restart_weights: share of the initial value at the start of each cosine.
        eta_min: smallest value.
        eta_min_ratio: smallest value as a share of each group's initial one, instead of `eta_min`.
    """

    time_args = ('periods',)

    def __init__(
        self,
        optimizer: OptimizerType,
        param_name: str,
        periods: list[int],
        restart_weights: Sequence[float] = (1,),
        eta_min: float | None = None,
        eta_min_ratio: float | None = None,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        if (eta_min is None) == (eta_min_ratio is None):
            raise ValueError(f'give one of eta_min ({eta_min}) and eta_min_ratio ({eta_min_ratio})')
        if len(periods) != len(restart_weights):
            raise ValueError(f'periods {periods} and restart_weights {restart_weights} should have the same length')
        self.periods = periods
        self.eta_min = eta_min
        self.eta_min_ratio = eta_min_ratio
        self.restart_weights = restart_weights
        self.cumulative_periods = list(itertools.accumulate(periods))
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list:
        index = self.get_position_from_periods(self.last_step, self.cumulative_periods)
        if index is None:
            return self._current()
        start = 0 if index == 0 else self.cumulative_periods[index - 1]
        progress = min((self.last_step - start) / self.periods[index], 1)
        values = []
        for base in self.base_values:
            low = self.eta_min if self.eta_min_ratio is None else base * self.eta_min_ratio
            high = base * self.restart_weights[index]
            values.append(low + 0.5 * (high - low) * (1 + math.cos(math.pi * progress)))
        return values

    @staticmethod
    def get_position_from_periods(iteration: int, cumulative_periods: list[int]) -> int | None:
        """Index of the period in which a step lies; None after the last one."""
        for i, end in enumerate(cumulative_periods):
            if iteration < end:
                return i
        return None


@PARAM_SCHEDULERS.register_module()
class OneCycleParamScheduler(_ParamScheduler):
    """One rise to `eta_max` and one descent far below the start (1cycle policy, arXiv:1708.07120).

    Args:
        eta_max: largest value, or one a group.
        total_steps: length of the cycle; `end - begin` by default.
        pct_start: share of the steps that rise.
        anneal_strategy: `'cos'` or `'linear'`.
        div_factor: the start is `eta_max / div_factor`.
        final_div_factor: the smallest value is the start divided by this.
        three_phase: descend to the start as long as it rose, and then to the smallest value.
    """

    time_args = ('total_steps',)

    def __init__(
        self,
        optimizer: OptimizerType,
        param_name: str,
        eta_max: float = 0,
        total_steps: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = 'cos',
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        if anneal_strategy not in ('cos', 'linear'):
            raise ValueError(f"anneal_strategy should be 'cos' or 'linear', but got {anneal_strategy!r}")
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f'pct_start should be a float between 0 and 1, but got {pct_start!r}')
        if total_steps is None:
            total_steps = end - begin
        if not isinstance(total_steps, int) or total_steps < 1:
            raise ValueError(f'total_steps should be a positive integer, but got {total_steps!r}')
        self.eta_max = eta_max
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor
        self.total_steps = total_steps
        self.anneal_strategy = anneal_strategy
        start, top, bottom = f'initial_{param_name}', f'max_{param_name}', f'min_{param_name}'
        rise = float(pct_start * total_steps) - 1
        phases: list[tuple[float, str, str]] = [(rise, start, top)]
        if three_phase:
            phases.append((float(2 * pct_start * total_steps) - 2, top, start))
        phases.append((total_steps - 1, start if three_phase else top, bottom))
        self._schedule_phases: list[dict[str, Any]] = [
            {'end_step': step, f'start_{param_name}': first, f'end_{param_name}': last} for step, first, last in phases
        ]
        if last_step == -1 and hasattr(optimizer, 'param_groups'):
            highest = self._format_param('eta_max', optimizer, eta_max)
            for group, value in zip(optimizer.param_groups, highest, strict=True):
                group[start] = value / div_factor
                group[top] = value
                group[bottom] = group[start] / final_div_factor
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _format_param(self, name: str, optimizer: OptimizerType, param: Any) -> list:
        """One value a group."""
        groups = optimizer.param_groups
        if not isinstance(param, list | tuple):
            return [param] * len(groups)
        if len(param) != len(groups):
            raise ValueError(f'{name} should have one value for each of {len(groups)} groups, but got {param}')
        return list(param)

    @staticmethod
    def _annealing_cos(start: float, end: float, pct: float) -> float:
        return end + (start - end) / 2.0 * (math.cos(math.pi * pct) + 1)

    @staticmethod
    def _annealing_linear(start: float, end: float, pct: float) -> float:
        return (end - start) * pct + start

    @property
    def anneal_func(self) -> Callable[[float, float, float], float]:
        return self._annealing_cos if self.anneal_strategy == 'cos' else self._annealing_linear

    def load_state_dict(self, state_dict: dict) -> None:
        # Published states hold the function itself; which one is known from the arguments.
        super().load_state_dict({k: v for k, v in state_dict.items() if k != 'anneal_func'})

    def _get_value(self) -> list:
        if self.last_step > self.total_steps:
            raise ValueError(
                f'{type(self).__name__} has total_steps={self.total_steps}, but was stepped {self.last_step + 1} times'
            )
        begin = 0.0
        for phase in self._schedule_phases:  # the last one also serves the step after it
            if self.last_step <= phase['end_step']:
                break
            if phase is not self._schedule_phases[-1]:
                begin = phase['end_step']
        share = (self.last_step - begin) / (phase['end_step'] - begin)
        first, last = phase[f'start_{self.param_name}'], phase[f'end_{self.param_name}']
        return [self.anneal_func(group[first], group[last], share) for group in self.optimizer.param_groups]
