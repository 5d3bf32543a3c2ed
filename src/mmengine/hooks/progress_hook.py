"""A progress bar on the terminal, beside the log."""

from __future__ import annotations

import logging
import resource
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from mmengine.device import get_max_cuda_memory, is_cuda_available
from mmengine.registry import HOOKS

from .hook import DATA_BATCH, Hook

if TYPE_CHECKING:
    from mmengine.runner import Runner


class _ConsoleStream:
    """What a logging handler writes to while a bar is drawn: lines go above the bar."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def write(self, text: str) -> None:
        if text.strip():
            self.console.out(text.rstrip('\n'), highlight=False)

    def flush(self) -> None: ...


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """Draws iteration, loss, learning rate, memory and time left while training, and the progress of validation.

    Args:
        interval: iterations between two updates of the numbers (which wait for the device).
        enabled: None draws only where standard error is a terminal.
    """

    priority = 'VERY_LOW'

    def __init__(self, interval: int = 10, enabled: bool | None = None) -> None:
        self.interval = interval
        self.enabled = sys.stderr.isatty() if enabled is None else enabled
        self._progress: Progress | None = None
        self._streams: list[tuple[logging.StreamHandler, Any]] = []
        self._train: TaskID | None = None
        self._eval: TaskID | None = None

    def before_run(self, runner: Runner) -> None:
        if not self.enabled or runner.rank != 0:
            return
        console = Console(stderr=True, force_terminal=True)
        self._progress = Progress(
            TextColumn('[bold]{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn('{task.fields[numbers]}'),
            TimeElapsedColumn(),
            TextColumn('left'),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        for handler in runner.logger.handlers:
            if type(handler) is logging.StreamHandler:
                self._streams.append((handler, handler.setStream(_ConsoleStream(console))))
        self._progress.start()

    def before_train(self, runner: Runner) -> None:
        if self._progress is not None:
            self._train = self._progress.add_task('train', total=runner.max_iters, completed=runner.iter, numbers='')

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict | None = None
    ) -> None:
        if self._progress is None or self._train is None:
            return
        numbers: dict[str, Any] = {}
        if (runner.iter + 1) % self.interval == 0 or runner.iter + 1 == runner.max_iters:
            numbers['numbers'] = self._numbers(runner)
        self._progress.update(self._train, completed=runner.iter + 1, **numbers)

    def _numbers(self, runner: Runner) -> str:
        scalars = runner.message_hub.log_scalars
        parts = [f'{k} {scalars[f"train/{k}"].current():.4g}' for k in ('loss', 'lr') if f'train/{k}' in scalars]
        # The peak of the device, or of this process where there is none.
        peak = (
            get_max_cuda_memory() if is_cuda_available() else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        )
        parts.append(f'{peak} MB')
        return '  '.join(parts)

    def _before_epoch(self, runner: Runner, mode: str = 'train') -> None:
        if self._progress is not None and mode != 'train':
            loader = runner.val_dataloader if mode == 'val' else runner.test_dataloader
            self._eval = self._progress.add_task(mode, total=len(loader), numbers='')

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: Sequence | dict | None = None,
        mode: str = 'train',
    ) -> None:
        if self._progress is not None and self._eval is not None:
            self._progress.update(self._eval, completed=batch_idx + 1)

    def _after_epoch(self, runner: Runner, mode: str = 'train') -> None:
        if self._progress is not None and self._eval is not None:
            self._progress.remove_task(self._eval)
            self._eval = None

    def after_run(self, runner: Runner) -> None:
        self.close()

    def close(self) -> None:
        """Give the terminal back; also called when the run ends in an exception."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        for handler, stream in self._streams:
            handler.setStream(stream)
        self._streams.clear()
