"""The loops that train. `mmengine.hooks.hook` shows all loops as the hooks see them."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from mmengine.dataset.update_loader import UpdateLoader
from mmengine.logging import print_log
from mmengine.registry import LOOPS
from mmengine.utils.errors import ConfigError

from .base_loop import BaseLoop
from .eval_loops import TestLoop, ValLoop
from .train_step import UpdateStep
from .utils import calc_dynamic_intervals

if TYPE_CHECKING:
    from .runner import Runner

__all__ = ['EpochBasedTrainLoop', 'IterBasedTrainLoop', 'TestLoop', 'ValLoop']


class _TrainLoop(BaseLoop):
    """Counters, validation interval and position of a training.

    Args:
        step_unit: what an iteration is. `'batch'`: one batch, of which `accumulative_counts` make an update.
            `'update'`: one update of as many batches, so that schedulers, logs, checkpoints, intervals and `max_iters`
            count updates; hooks get the list of batches.
        auto_micro_batch: when a device runs out of memory, compute the same update in smaller pieces; see `UpdateStep`.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        val_begin: int,
        val_interval: int,
        dynamic_intervals: list[tuple[int, int]] | None,
        step_unit: str,
        auto_micro_batch: bool,
    ) -> None:
        super().__init__(runner, dataloader)
        if step_unit not in ('batch', 'update'):
            raise ConfigError(f"train_cfg.step_unit should be 'batch' or 'update', but got {step_unit!r}")
        if step_unit == 'update':
            self.dataloader = UpdateLoader(self.dataloader, accumulative_counts(runner.optim_wrapper))
        self._update_step = UpdateStep(auto_micro_batch) if auto_micro_batch or step_unit == 'update' else None
        self._epoch = 0
        self._iter = 0
        self.stop_training = False
        self.val_begin = val_begin
        self.val_interval = val_interval
        self._validated_at = -1  # the iteration after which validation last finished
        if hasattr(self.dataloader.dataset, 'metainfo'):
            runner.visualizer.dataset_meta = self.dataloader.dataset.metainfo
        self.dynamic_milestones, self.dynamic_intervals = calc_dynamic_intervals(val_interval, dynamic_intervals)

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self._epoch

    @property
    def iter(self) -> int:
        """Iterations done."""
        return self._iter

    def state_dict(self) -> dict[str, Any]:
        """What is needed beside the counters in a checkpoint's `meta` to go on exactly."""
        state = {'validated_at': self._validated_at}
        if self._update_step is not None:
            state['pieces'] = self._update_step.pieces
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._validated_at = state.get('validated_at', -1)
        if self._update_step is not None:
            self._update_step.pieces = state.get('pieces', 1)

    def _step(self, batch_idx: int, data_batch: Any) -> None:
        """One step: `train_step` between its two stages."""
        runner: Any = self.runner
        runner.seed_step(self._iter)
        runner.call_hook('before_train_iter', batch_idx=batch_idx, data_batch=data_batch)
        if self._update_step is None:
            outputs = runner.model.train_step(data_batch, optim_wrapper=runner.optim_wrapper)
        else:
            batches = data_batch if isinstance(self.dataloader, UpdateLoader) else [data_batch]
            outputs = self._update_step(runner, batches)
        runner.call_hook('after_train_iter', batch_idx=batch_idx, data_batch=data_batch, outputs=outputs)
        self._iter += 1

    def _validate_if_due(self, done: int, last: bool) -> None:
        """Validate after `done` epochs (iterations); a validation that a resumed run has behind it is not repeated."""
        if not (last or done % self.val_interval == 0) or done < max(1, self.val_begin):
            return
        if self.runner.val_loop is not None and self._iter != self._validated_at:
            self.runner.val_loop.run()
            self._validated_at = self._iter
            self._to_training()

    def _to_training(self) -> None:
        self.runner.model.train()
        if hasattr(self.runner.optim_wrapper, 'train'):
            self.runner.optim_wrapper.train()

    def _decide_current_val_interval(self) -> None:
        if len(self.dynamic_milestones) == 1:
            return
        done = self._epoch if isinstance(self, EpochBasedTrainLoop) else self._iter
        step = bisect.bisect(self.dynamic_milestones, done + 1)
        self.val_interval = self.dynamic_intervals[step - 1]


@LOOPS.register_module()
class EpochBasedTrainLoop(_TrainLoop):
    """Trains `max_epochs` passes over the data and validates after every `val_interval` of them from `val_begin` on.

    Args:
        dynamic_intervals: pairs of an epoch and the validation interval from there on.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        max_epochs: int,
        val_begin: int = 1,
        val_interval: int = 1,
        dynamic_intervals: list[tuple[int, int]] | None = None,
        step_unit: str = 'batch',
        auto_micro_batch: bool = False,
    ) -> None:
        super().__init__(runner, dataloader, val_begin, val_interval, dynamic_intervals, step_unit, auto_micro_batch)
        if int(max_epochs) != max_epochs:
            raise ConfigError(f'train_cfg.max_epochs should be an integer, but got {max_epochs}')
        self._max_epochs = int(max_epochs)
        self._max_iters = self._max_epochs * len(self.dataloader)

    @property
    def max_epochs(self) -> int:
        return self._max_epochs

    @property
    def max_iters(self) -> int:
        return self._max_iters

    def run(self) -> torch.nn.Module:
        """Train to the end, or until a hook sets `stop_training`."""
        self.runner.call_hook('before_train')
        self._decide_current_val_interval()
        if self._iter == self._epoch * len(self.dataloader):
            # A checkpoint written as an epoch ended comes before the validation of that epoch.
            self._validate_if_due(self._epoch, self._epoch == self._max_epochs)
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._decide_current_val_interval()
            self._validate_if_due(self._epoch, self._epoch == self._max_epochs)
            self.runner.check_interrupt()
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """One pass, from where a resumed run stands in it."""
        start = self._iter - self._epoch * len(self.dataloader)
        if getattr(self.dataloader, 'can_seek', False):
            self.dataloader.set_epoch(self._epoch)
            self.dataloader.seek(start)
        self.runner.call_hook('before_train_epoch')
        self._to_training()
        for batch_idx, data_batch in _enumerate_from(self.dataloader, start):
            self.run_iter(batch_idx, data_batch)
            if batch_idx + 1 < len(self.dataloader):
                # At the end of the epoch, the checkpoint of an interrupt must come after `after_train_epoch`.
                self.runner.check_interrupt()
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def run_iter(self, idx: int, data_batch: Any) -> None:
        """One step, of batch `idx` of the epoch."""
        self._step(idx, data_batch)


@LOOPS.register_module()
class IterBasedTrainLoop(_TrainLoop):
    """Trains `max_iters` iterations, repeating the data as needed, and validates after every `val_interval` of them.

    Hooks see it as one long epoch.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        max_iters: int,
        val_begin: int = 1,
        val_interval: int = 1000,
        dynamic_intervals: list[tuple[int, int]] | None = None,
        step_unit: str = 'batch',
        auto_micro_batch: bool = False,
    ) -> None:
        super().__init__(runner, dataloader, val_begin, val_interval, dynamic_intervals, step_unit, auto_micro_batch)
        if int(max_iters) != max_iters:
            raise ConfigError(f'train_cfg.max_iters should be an integer, but got {max_iters}')
        self._max_iters = int(max_iters)
        self._max_epochs = 1
        self.dataloader_iterator = _InfiniteDataloaderIterator(self.dataloader)

    @property
    def max_epochs(self) -> int:
        return self._max_epochs

    @property
    def max_iters(self) -> int:
        return self._max_iters

    def run(self) -> torch.nn.Module:
        """Train to the end, or until a hook sets `stop_training`."""
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.dataloader_iterator.seek(self._iter)
        self._to_training()
        self._decide_current_val_interval()
        self._validate_if_due(self._iter, self._iter == self._max_iters)
        batches = iter(self.dataloader_iterator)
        while self._iter < self._max_iters and not self.stop_training:
            self.run_iter(next(batches))
            self._decide_current_val_interval()
            self._validate_if_due(self._iter, self._iter == self._max_iters)
            self.runner.check_interrupt()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def close(self) -> None:
        self.dataloader_iterator.close()
        super().close()

    def run_iter(self, data_batch: Any) -> None:
        """One step; hooks see the number of the iteration as `batch_idx`."""
        self._step(self._iter, data_batch)


def accumulative_counts(optim_wrapper: Any) -> int:
    """Batches of an update, from an optimizer wrapper or the config of one."""
    if isinstance(optim_wrapper, dict):
        return optim_wrapper.get('accumulative_counts', 1)
    return getattr(optim_wrapper, '_accumulative_counts', 1)


class _InfiniteDataloaderIterator:
    """Batches without end: a loader that ends is started again for its next epoch."""

    def __init__(self, dataloader: DataLoader) -> None:
        self._dataloader = dataloader
        self._stream: Iterator | None = None
        self._epoch = 0

    def seek(self, batch: int) -> None:
        """Go on at batch number `batch`, counted over all epochs."""
        self._stream = None
        loader: Any = self._dataloader
        if not getattr(loader, 'can_seek', False):
            self._replay(batch)
        elif loader.infinite:
            loader.seek(batch)
        else:
            self._epoch, within = divmod(batch, len(loader))
            loader.set_epoch(self._epoch)
            loader.seek(within)

    def _replay(self, batch: int) -> None:
        if batch:
            print_log(
                f'the training data loader is a {type(self._dataloader).__name__} made outside of the runner and '
                f'cannot seek: {batch} batches are loaded and dropped. Give the runner a config to resume at once.',
                'current',
                30,
            )
        for _ in range(batch):
            next(self)

    def _endless(self) -> Iterator:
        while True:
            yield from self._dataloader
            self._epoch += 1
            _set_epoch(self._dataloader, self._epoch)

    def __iter__(self) -> Iterator:
        """The one stream of batches, which `next` of this object advances as well."""
        if self._stream is None:
            self._stream = self._endless()
        return self._stream

    def __next__(self) -> Any:
        return next(iter(self))

    def close(self) -> None:
        """Let go of batches that are being loaded."""
        self._stream = None


def _set_epoch(loader: Any, epoch: int) -> None:
    if getattr(loader, 'can_seek', False):
        loader.set_epoch(epoch)
    elif hasattr(getattr(loader, 'sampler', None), 'set_epoch'):
        loader.sampler.set_epoch(epoch)
    elif hasattr(getattr(getattr(loader, 'batch_sampler', None), 'sampler', None), 'set_epoch'):
        loader.batch_sampler.sampler.set_epoch(epoch)


def _enumerate_from(loader: Any, start: int) -> Iterator[tuple[int, Any]]:
    """Numbered batches of an epoch from `start` on; loaders of ours were told to begin there, others are replayed."""
    first = start if getattr(loader, 'can_seek', False) else 0
    for batch_idx, data_batch in enumerate(loader, first):
        if batch_idx >= start:
            yield batch_idx, data_batch
