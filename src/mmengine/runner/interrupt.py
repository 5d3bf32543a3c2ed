"""Ctrl-C and SIGTERM end a training between two steps, with a checkpoint."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class TrainingInterrupted(KeyboardInterrupt):
    """The training was asked to end and has saved itself.

    Attributes:
        signum: the signal; a command line exits with 128 + signum.
        checkpoint: path of the checkpoint to resume from, or None on ranks that do not save.
    """

    def __init__(self, message: str, signum: int, checkpoint: str | None) -> None:
        super().__init__(message)
        self.signum = signum
        self.checkpoint = checkpoint


class InterruptFlag:
    """Remembers the first SIGINT or SIGTERM; a second one gets its usual effect at once.

    Args:
        grace_time: seconds after the signal within which the training must have ended. After them the process ends
            without the checkpoint, where the step or the saving hangs; files are whole or absent then as well.
    """

    def __init__(self, grace_time: float | None = None) -> None:
        self.grace_time = grace_time
        self.signum: int | None = None
        self.afterwards: Callable[[], None] | None = None  # called in the handler

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While inside, signals set the flag. Only the main thread may listen; elsewhere this does nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        timer: list[threading.Timer] = []
        before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}

        def handle(signum: int, frame: FrameType | None) -> None:
            self.signum = signum
            for number, handler in before.items():
                signal.signal(number, handler)
            if self.grace_time is not None:
                timer.append(threading.Timer(self.grace_time, _end_now, (signum, self.grace_time)))
                timer[0].daemon = True
                timer[0].start()
            if self.afterwards is not None:
                self.afterwards()

        for number in before:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for each in timer:
                each.cancel()
            for number, handler in before.items():
                signal.signal(number, handler)


def _end_now(signum: int, grace_time: float) -> None:
    sys.stderr.write(
        f'\nnot ended {grace_time:g} s (env_cfg.grace_time) after signal {signum}: the process ends here, without '
        'another checkpoint; to go on: --resume\n'
    )
    sys.stderr.flush()
    os._exit(128 + signum)
