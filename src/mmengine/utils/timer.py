"""Wall-clock time in seconds."""

from time import perf_counter
from types import TracebackType
from typing import Self

_timers: dict[str, 'Timer'] = {}


class TimerError(Exception):
    """The timer was asked before it was started."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class Timer:
    """Seconds since the start and since the last question. A context manager prints the time it took."""

    def __init__(self, start: bool = True, print_tmpl: str | None = None) -> None:
        self._is_running = False
        self.print_tmpl = print_tmpl or '{:.3f}'
        if start:
            self.start()

    @property
    def is_running(self) -> bool:
        return self._is_running

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        print(self.print_tmpl.format(self.since_last_check()))
        self._is_running = False

    def start(self) -> None:
        """Set the start unless it runs already, and forget the last check."""
        now = perf_counter()
        if not self._is_running:
            self._t_start = now
            self._is_running = True
        self._t_last = now

    def since_start(self) -> float:
        return self._check('_t_start')

    def since_last_check(self) -> float:
        return self._check('_t_last')

    def _check(self, mark: str) -> float:
        if not self._is_running:
            raise TimerError('timer is not running; call start() first')
        now = perf_counter()
        elapsed = now - getattr(self, mark)
        self._t_last = now
        return elapsed


def check_time(timer_id: str) -> float:
    """Seconds since the last call with this id; 0 on the first."""
    if timer_id not in _timers:
        _timers[timer_id] = Timer()
        return 0
    return _timers[timer_id].since_last_check()
