"""Makes buffers, such as statistics of batch normalisation, equal on all ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.dist import all_reduce_params, is_distributed
from mmengine.registry import HOOKS

from .hook import Hook

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class SyncBuffersHook(Hook):
    """Replaces the buffers of the model by their means over all ranks after each epoch and before each validation.

    Without it, validation uses and checkpoints hold the buffers of rank 0.
    """

    priority = 'NORMAL'

    def __init__(self) -> None:
        self.distributed = is_distributed()
        # After an epoch the buffers are equal already when its validation begins.
        self._equal = False

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | tuple | list | None = None) -> None:
        self._equal = False

    def before_val_epoch(self, runner: Runner) -> None:
        self._sync(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        self._sync(runner)

    def _sync(self, runner: Runner) -> None:
        if self.distributed and not self._equal:
            all_reduce_params(runner.model.buffers(), op='mean')
            self._equal = True
