"""Writing checkpoints while the training goes on."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from mmengine.logging import print_log


class Snapshots:
    """Copies of checkpoints on the CPU, which training does not change. Tensors that share memory share it again.

    The memory of one copy is kept for the next one, since to get it from the system takes longer than to copy: a
    copy is valid until the next one is taken.
    """

    def __init__(self) -> None:
        self._free: dict[int, list[torch.UntypedStorage]] = {}

    def take(self, value: Any) -> Any:
        """The copy of a checkpoint."""
        storages: dict[Any, torch.UntypedStorage] = {}
        copied = self._copied(value, storages)
        self._free = {}
        for storage in storages.values():
            self._free.setdefault(storage.nbytes(), []).append(storage)
        return copied

    def _copied(self, value: Any, storages: dict[Any, torch.UntypedStorage]) -> Any:
        if type(value) is Tensor and value.layout is torch.strided and not value.is_quantized:
            source = value.untyped_storage()
            place = (value.device, source.data_ptr(), source.nbytes())
            if place not in storages:
                kept = self._free.get(source.nbytes())
                storages[place] = kept.pop() if kept else torch.UntypedStorage(source.nbytes())
                storages[place].copy_(source)
            target = torch.empty(0, dtype=value.dtype)
            return target.set_(storages[place], value.storage_offset(), value.shape, value.stride())
        if isinstance(value, Tensor):
            value = value.detach()
            return value.clone() if value.device.type == 'cpu' else value.cpu()
        if isinstance(value, dict):
            copied = copy.copy(value)  # with its class, and the metadata of a state dict
            for key, each in value.items():
                copied[key] = self._copied(each, storages)
            return copied
        if type(value) in (list, tuple):
            return type(value)(self._copied(each, storages) for each in value)
        return copy.deepcopy(value)


def snapshot(value: Any) -> Any:
    """One copy, in memory of its own; see `Snapshots`."""
    return Snapshots().take(value)


class BackgroundWriter:
    """Runs one job at a time in a thread. The interpreter does not exit before a job is done."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, thread_name_prefix='checkpoint')
        self._pending: Future | None = None

    def submit(self, job: Callable[[], None], what: str) -> None:
        """Start `job` when the one before is done; an error of that one is raised here."""
        self.wait()
        self._pending = self._threads.submit(self._run, job, what)

    def wait(self) -> None:
        """Return when nothing is being written. Raises what the job raised."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def _run(self, job: Callable[[], None], what: str) -> None:
        try:
            job()
        except Exception as error:
            error.add_note(f'while writing {what} in the background')
            # The training may end by another error before anyone waits for this one.
            print_log(f'{what} could not be written: {error}', 'current', logging.ERROR)
            raise
