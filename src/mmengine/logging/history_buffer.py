"""The history of one scalar. Published checkpoints pickle this class under this module path."""

import difflib
import math
from collections.abc import Callable, Sequence
from operator import mul
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

_F = TypeVar('_F', bound=Callable[..., Any])

_MAX_PENDING = 1000
_SMALL_WINDOW = 100


class HistoryBuffer:
    """Values of one scalar with a count (a weight) each; the oldest are dropped beyond `max_length`.

    `update` is cheap and never waits for a device: tensors on a device stay there, detached. They are converted
    together, in one transfer a device and dtype, when the history is read or 1000 of them are pending.
    """

    _statistics_methods: ClassVar[dict[str, Callable[..., Any]]] = {}

    def __init__(
        self,
        log_history: Sequence[float] | np.ndarray = (),
        count_history: Sequence[float] | np.ndarray = (),
        max_length: int = 1_000_000,
    ) -> None:
        if len(log_history) != len(count_history):
            raise ValueError(
                f'log_history and count_history should be equally long, but have {len(log_history)} and '
                f'{len(count_history)} items'
            )
        self._set(np.array(log_history, dtype=np.float64), np.array(count_history, dtype=np.float64), max_length)

    def _set(self, values: np.ndarray, counts: np.ndarray, max_length: int) -> None:
        """Start from these arrays. They are not written to: the next value makes larger ones."""
        self.max_length = max_length
        self._values = values[-max_length:]
        self._counts = counts[-max_length:]
        self._start = 0
        self._end = len(self._values)
        self._pending: list[Any] = []  # numbers, and tensors of devices
        self._pending_counts: list[float] = []
        self._all_numbers = True  # that are pending

    def update(self, log_val: float | np.ndarray | Tensor, count: float = 1) -> None:
        """Append a value: a number, or an array or tensor of one element.

        Raises:
            TypeError: anything else.
        """
        kind = type(log_val)
        if kind is not float and kind is not int:
            log_val = _as_scalar(log_val)
            if type(log_val) is not float:
                self._all_numbers = False
        if type(count) is not int and not isinstance(count, (int, float)):
            raise TypeError(f'count should be a number, but got {count!r}')
        self._pending.append(log_val)
        self._pending_counts.append(count)
        if len(self._pending) >= _MAX_PENDING:
            self._flush()

    def _flush(self) -> None:
        """Convert and append what is pending. Written entries never change, so snapshots can share them."""
        if not self._pending:
            return
        added = len(self._pending)
        new_end = self._end + added
        if new_end > len(self._values):
            kept = self._end - self._start
            capacity = 2 * (kept + added)
            for name in ('_values', '_counts'):
                grown = np.empty(capacity)
                grown[:kept] = getattr(self, name)[self._start : self._end]
                setattr(self, name, grown)
            self._start, self._end, new_end = 0, kept, kept + added
        self._values[self._end : new_end] = self._pending if self._all_numbers else _to_numbers(self._pending)
        self._counts[self._end : new_end] = self._pending_counts
        self._pending, self._pending_counts, self._all_numbers = [], [], True
        self._end = new_end
        self._start = max(self._start, new_end - self.max_length)

    @property
    def _log_history(self) -> np.ndarray:
        self._flush()
        return self._values[self._start : self._end]

    @property
    def _count_history(self) -> np.ndarray:
        self._flush()
        return self._counts[self._start : self._end]

    @property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Values and counts, two float64 arrays of the same length."""
        return self._log_history, self._count_history

    @classmethod
    def register_statistics(cls, method: _F) -> _F:
        """Decorator: make `method(buffer, *args)` available as `statistics(name, *args)`."""
        known = cls._statistics_methods.setdefault(method.__name__, method)
        if (known.__module__, known.__qualname__) != (method.__module__, method.__qualname__):
            raise ValueError(f'the statistic {method.__name__!r} is registered already, by {known.__module__}')
        cls._statistics_methods[method.__name__] = method  # the same one again after a reload
        return method

    @property
    def statistics_methods(self) -> dict[str, Callable[..., Any]]:
        return self._statistics_methods

    def statistics(self, method_name: str, *arg: Any, **kwargs: Any) -> Any:
        """Result of a registered statistic.

        Raises:
            KeyError: no statistic has that name.
        """
        method = self._statistics_methods.get(method_name)
        if method is None:
            known = list(self._statistics_methods)
            near = difflib.get_close_matches(method_name, known, n=1)
            hint = f'; did you mean {near[0]!r}?' if near else ''
            raise KeyError(f'no statistic is named {method_name!r}; there are {known}{hint}')
        return method(self, *arg, **kwargs)

    def mean(self, window_size: int | None = None) -> np.float64:
        """Mean of the last `window_size` values (default: all), weighted by count; nan for counts of 0."""
        if window_size is not None and 0 < window_size <= _SMALL_WINDOW:
            # Summed exactly, so that the mean does not depend on where the values are.
            recent, weights = self._recent(window_size)
            weight = math.fsum(weights)
            return np.float64(math.fsum(map(mul, recent, weights)) / weight if weight else 'nan')
        window = _window(window_size)
        values, counts = self._log_history[window], self._count_history[window]
        total = counts.sum()
        return np.float64(values @ counts / total) if total else np.float64('nan')

    def max(self, window_size: int | None = None) -> np.float64:
        return self._non_empty()[_window(window_size)].max()

    def min(self, window_size: int | None = None) -> np.float64:
        return self._non_empty()[_window(window_size)].min()

    def _recent(self, size: int) -> tuple[list[float], list[float]]:
        """The last values and their counts; numbers that are pending need no arrays to be read."""
        if self._all_numbers and len(self._pending) >= size:
            return self._pending[-size:], self._pending_counts[-size:]
        values, counts = self.data
        return values[-size:].tolist(), counts[-size:].tolist()

    def current(self) -> np.float64:
        """The last value."""
        if self._pending and self._all_numbers:
            return np.float64(self._pending[-1])
        return self._non_empty()[-1]

    def _non_empty(self) -> np.ndarray:
        history = self._log_history
        if not len(history):
            raise ValueError('the history is empty; call update() first')
        return history

    def snapshot(self) -> Self:
        """A buffer of its own with the history so far. Takes no copy of it."""
        copied = type(self).__new__(type(self))
        copied.__setstate__(self.__getstate__())
        return copied

    def __getstate__(self) -> dict[str, Any]:
        # The keys of published checkpoints. `statistics_methods` held functions there; here the class has
        # them, so that the state is plain data.
        return {
            'max_length': self.max_length,
            '_log_history': self._log_history,
            '_count_history': self._count_history,
            'statistics_methods': {},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        values = np.asarray(state['_log_history'], dtype=np.float64)
        counts = np.asarray(state['_count_history'], dtype=np.float64)
        self._set(values, counts, state.get('max_length', 1_000_000))

    def __repr__(self) -> str:
        length = min(self._end - self._start + len(self._pending), self.max_length)
        return f'{type(self).__name__}({length} values)'


for _method in (HistoryBuffer.min, HistoryBuffer.max, HistoryBuffer.current, HistoryBuffer.mean):
    HistoryBuffer.register_statistics(_method)


def _window(size: int | None) -> slice:
    if size is None:
        return slice(None)
    if size < 0:
        raise ValueError(f'window_size should be None or a positive number of values, but got {size}')
    return slice(-size, None)


def _as_scalar(value: Any) -> Any:
    """A number, or for a tensor of one element on an accelerator a detached copy there."""
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise TypeError(f'a scalar should be a tensor of one element, but its shape is {tuple(value.shape)}')
        if type(value) is not Tensor and hasattr(value, 'full_tensor'):
            value = value.full_tensor()  # a DTensor: all ranks are here now, but perhaps not when it is read
        if value.is_cpu:
            return float(value.detach() if value.requires_grad else value)  # in reach at once; cheaper than a copy
        # A leaf may be a parameter or a running value that is changed in place before it is read.
        if value.requires_grad:
            return value.detach().clone() if value.is_leaf else value.detach()
        return value.clone()
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in 'biuf':
        return float(value.item())
    if isinstance(value, int | float | np.number | np.bool_) and not isinstance(value, np.complexfloating):
        return float(value)
    kind = type(value).__name__
    shown = f' of shape {value.shape}' if isinstance(value, np.ndarray) else ''
    raise TypeError(f'a scalar should be a number, or a tensor or array of one element, but got {kind}{shown}')


def _to_numbers(values: list[Any]) -> list[float] | np.ndarray:
    """Numbers of numbers and one-element tensors, with one transfer for each device and dtype."""
    groups: dict[tuple[torch.device, torch.dtype], list[int]] = {}
    for index, value in enumerate(values):
        if isinstance(value, Tensor):
            groups.setdefault((value.device, value.dtype), []).append(index)
    if not groups:
        return values
    with torch.no_grad():
        moved = {
            tuple(indices): torch.stack([values[index].reshape(()) for index in indices]).to('cpu')
            for indices in groups.values()
        }
    for indices, numbers in moved.items():
        for index, number in zip(indices, numbers.double().tolist(), strict=True):
            values[index] = number
    return values
