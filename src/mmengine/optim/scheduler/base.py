"""What all schedulers share. A schedule sets a value of the parameter groups: learning rate, momentum, ...

Each acts on the value that stands in the group, not on a value of its own, so that several schedules of one
value multiply: what `Exponential` does after a `Linear` warm-up starts from where the warm-up ended.
"""

from __future__ import annotations

from typing import Any, Self, TypeAlias

from torch.optim import Optimizer

from mmengine.logging import print_log
from mmengine.optim.optimizer.base import BaseOptimWrapper

INF = int(1e9)

OptimizerType: TypeAlias = BaseOptimWrapper | Optimizer


def _in_iterations(time: Any, epoch_length: int) -> Any:
    """A time in epochs, or a list of times, in iterations; None and "without end" stay."""
    if isinstance(time, list | tuple):
        return [_in_iterations(each, epoch_length) for each in time]
    return time if time is None or time == INF else int(time * epoch_length)


class _ParamScheduler:
    """Base class. A subclass gives `_get_value`, the values of all groups at `last_step`.

    Args:
        param_name: key of the value in the parameter groups.
        begin, end: the steps in `[begin, end)` change the value, counted in epochs or iterations.
        last_step: steps done so far, of those in `[begin, end)`; other than -1 only for an optimizer whose groups
            have `initial_{param_name}`.
        by_epoch: whether `step` is to be called once an epoch rather than once an iteration.
        verbose: print each value that is set.

    Raises:
        KeyError: `last_step` is given, but a group lacks `initial_{param_name}`.
    """

    time_args: tuple[str, ...] = ()  # arguments that are counted as `begin` and `end` are
    need_val_args = False  # whether `step` is to be called with the metrics of each validation

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
        self._global_step = now = self._global_step + 1
        groups, name = self.optimizer.param_groups, self.param_name
        if self.begin <= now < self.end:
            self.last_step += 1
            self._last_value = values = self._get_value()
            for group, value in zip(groups, values, strict=False):
                group[name] = value
            if self.verbose:
                for i, group in enumerate(groups):
                    self.print_value(self.verbose, i, group[name])
        else:
            self._last_value = [group[name] for group in groups]

    def _current(self) -> list:
        name = self.param_name
        return [group[name] for group in self.optimizer.param_groups]

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
        """The scheduler whose times are given in epochs, by keyword, but which steps each iteration.

        Args:
            epoch_length: iterations of an epoch.
        """
        if not by_epoch:
            raise ValueError('only a scheduler with by_epoch=True can be converted to steps by iteration')
        if not isinstance(epoch_length, int) or epoch_length < 1:
            raise ValueError(f'epoch_length should be a positive integer, but got {epoch_length!r}')
        times = {'begin': begin, 'end': end, **{name: kwargs.pop(name) for name in cls.time_args if name in kwargs}}
        times = {name: _in_iterations(time, epoch_length) for name, time in times.items()}
        return cls(*args, **times, by_epoch=False, **kwargs)  # type: ignore[misc]
