"""How fast a training is, and how much of the time it waits for data."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

import torch

from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.registry import HOOKS
from mmengine.utils.errors import ConfigError

from .hook import DATA_BATCH, Hook
from .training_state import batches_of

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Logs `train/images_per_s` of all processes, `train/data_wait`, the share (0 to 1) of the time in which this
    process waited for its next batch, and on an accelerator `train/memory_reserved` in MB.

    The clock is the host's, which runs ahead of the device; over an interval in which something is logged, and so
    read back, they agree. The time of validation does not count.

    Args:
        interval: iterations between two entries; that of the logger.
        window: iterations that each entry covers.
    """

    # After all that the other hooks do, which is part of the iteration and no waiting for data.
    priority = 'LOWEST'

    def __init__(self, interval: int = 10, window: int = 50) -> None:
        if interval < 1 or window < 1:
            raise ConfigError(f'interval and window should be at least 1, but got {interval} and {window}')
        self.interval = interval
        self.window = window
        self._entries: deque[tuple[float, float, int]] = deque(maxlen=window)  # seconds, of these waiting, images
        self._began = self._waited = self._paused = self._val_began = 0.0
        self._ended: float | None = None
        self._size = 0

    def before_train(self, runner: Runner) -> None:
        self._entries.clear()
        self._ended = None

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        now = time.perf_counter()
        if self._ended is not None:
            self._waited = now - self._ended - self._paused
        self._paused = 0.0
        self._size = sum(map(batch_size, batches_of(runner, data_batch)))
        self._began = now
        if self._entries and (runner.iter + 1) % self.interval == 0:
            self._publish(runner)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict | None = None
    ) -> None:
        now = time.perf_counter()
        if self._ended is not None:  # the first iteration of a run warms up
            self._entries.append((now - self._began + self._waited, self._waited, self._size))
        self._ended = now

    def before_val(self, runner: Runner) -> None:
        self._val_began = time.perf_counter()

    def after_val(self, runner: Runner) -> None:
        self._paused += time.perf_counter() - self._val_began

    def _publish(self, runner: Runner) -> None:
        total, waited, images = (sum(column) for column in zip(*self._entries, strict=True))
        hub = runner.message_hub
        hub.update_scalar('train/images_per_s', images * get_world_size() / max(total, 1e-9), resumed=False)
        hub.update_scalar('train/data_wait', waited / max(total, 1e-9), resumed=False)
        kind = get_device()
        if kind != 'cpu':
            reserved = torch.get_device_module(kind).memory_reserved()
            hub.update_scalar('train/memory_reserved', reserved / 2**20, resumed=False)


def batch_size(data_batch: Any) -> int:
    """The number of samples: the length of the first list or tensor of a batch."""
    if isinstance(data_batch, dict):
        data_batch = data_batch.get('inputs', next(iter(data_batch.values()), ()))
        return batch_size(data_batch) if isinstance(data_batch, dict) else _length(data_batch)
    if isinstance(data_batch, (list, tuple)) and data_batch and isinstance(data_batch[0], (list, tuple, torch.Tensor)):
        return _length(data_batch[0])
    return _length(data_batch)


def _length(value: Any) -> int:
    return len(value) if hasattr(value, '__len__') else 1
