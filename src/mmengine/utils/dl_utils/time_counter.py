"""Mean duration of a function or a block."""

import functools
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Self

import torch


class TimeCounter:
    """Decorator and context manager that reports the mean time per run, in milliseconds.

    Args:
        log_interval: runs between two reports.
        warmup_interval: first runs that do not count.
        with_sync: wait for the accelerator before each reading of the clock.
        tag: name in the report; a context manager needs one, and blocks with the same tag share a counter.
        logger: where to report; standard output by default.
    """

    instance_dict: ClassVar[dict[str, 'TimeCounter']] = {}

    log_interval: int
    warmup_interval: int
    with_sync: bool
    tag: str | None
    logger: logging.Logger | None
    _count: int
    _seconds: float
    _start: float

    def __new__(
        cls,
        log_interval: int = 1,
        warmup_interval: int = 1,
        with_sync: bool = True,
        tag: str | None = None,
        logger: logging.Logger | None = None,
    ) -> Self:
        if warmup_interval < 1:
            raise ValueError(f'warmup_interval should be at least 1, but got {warmup_interval}')
        if tag is not None and tag in cls.instance_dict:
            return cls.instance_dict[tag]  # type: ignore[return-value]
        self = super().__new__(cls)
        self.log_interval, self.warmup_interval, self.with_sync = log_interval, warmup_interval, with_sync
        self.tag, self.logger = tag, logger
        self._count = 0
        self._seconds = 0.0
        if tag is not None:
            cls.instance_dict[tag] = self
        return self

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        if self.tag is None:
            self.tag = func.__name__

        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return wrapped

    def __enter__(self) -> Self:
        if self.tag is None:
            raise ValueError('a TimeCounter in a with-statement needs a tag, which tells its reports apart')
        self._start = self._now()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if exc_type is None:
            self.print_time(self._now() - self._start)

    def print_time(self, elapsed: float) -> None:
        """Count a run of `elapsed` seconds, and report when it is time."""
        self._count += 1
        runs = self._count - self.warmup_interval + 1
        if runs < 1:
            return
        self._seconds += elapsed
        if self._count % self.log_interval:
            return
        mean = 1000 * self._seconds / runs
        text = f'[{self.tag}]-time per run averaged in the past {runs} runs: {mean:.1f} ms'
        if self.logger is None:
            print(text, flush=True)
        else:
            self.logger.info(text)

    def _now(self) -> float:
        if self.with_sync and torch.accelerator.is_available():
            torch.accelerator.synchronize()
        return time.perf_counter()
