"""Measures the time of data loading and of whole iterations."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmengine.registry import HOOKS

from .hook import DATA_BATCH, Hook

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class IterTimerHook(Hook):
    """Logs `<mode>/data_time` and `<mode>/time` in seconds for each iteration and keeps `eta` (seconds) in the hub.

    The clock is the host's: work that the device still has queued is counted in the iteration that waits for it, so
    only averages over a log interval mean something on an accelerator.
    """

    priority = 'NORMAL'

    def __init__(self) -> None:
        self.time_sec_tot = 0.0
        self.time_sec_test_val = 0.0
        self.start_iter = 0
        self.t = time.perf_counter()
        self._test_val_iters = 0

    def before_train(self, runner: Runner) -> None:
        self.start_iter = runner.iter
        self.time_sec_tot = 0.0

    def _before_epoch(self, runner: Runner, mode: str = 'train') -> None:
        self.t = time.perf_counter()
        if mode != 'train':
            self.time_sec_test_val, self._test_val_iters = 0.0, 0

    def _before_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, mode: str = 'train') -> None:
        runner.message_hub.update_scalar(f'{mode}/data_time', time.perf_counter() - self.t)

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: Sequence | dict | None = None,
        mode: str = 'train',
    ) -> None:
        now = time.perf_counter()
        elapsed, self.t = now - self.t, now
        hub = runner.message_hub
        hub.update_scalar(f'{mode}/time', elapsed)
        if mode == 'train':
            self.time_sec_tot += elapsed
            loop: Any = runner.train_loop
            done = loop.iter + 1
            hub.update_info('eta', self.time_sec_tot / (done - self.start_iter) * (loop.max_iters - done))
        else:
            self.time_sec_test_val += elapsed
            self._test_val_iters += 1
            loader = runner.val_dataloader if mode == 'val' else runner.test_dataloader
            left = len(loader) - batch_idx - 1
            hub.update_info('eta', self.time_sec_test_val / self._test_val_iters * left)

    def after_val(self, runner: Runner) -> None:
        # The time of a validation is no part of the next training iteration.
        self.t = time.perf_counter()
