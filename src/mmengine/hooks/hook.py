"""The training loop as its hooks see it.

    before_run
    after_load_checkpoint                      # where `load_from` or `resume` is set, or a script loads one
    before_train
    while not finished:
        before_train_epoch                     # an iteration-based run is one long epoch
        for batch in train_dataloader:
            before_train_iter
            model.train_step(batch)            # forward, backward, clip, update
            after_train_iter                   # schedulers step at LOW; checkpoints are written at VERY_LOW
                before_save_checkpoint
            [validation]                       # iteration-based: every `val_interval` iterations
        after_train_epoch
        [validation]                           # epoch-based: every `val_interval` epochs
            before_val
            before_val_epoch
            for batch in val_dataloader:
                before_val_iter
                model.val_step(batch)
                after_val_iter
            after_val_epoch(metrics)
            after_val
    after_train
    after_run

`runner.test()` does the same with `test` in place of `val`. A hook overrides the methods of the stages that it needs;
`_before_epoch`, `_after_epoch`, `_before_iter` and `_after_iter` serve training, validation and testing at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmengine.utils import is_method_overridden

if TYPE_CHECKING:
    from mmengine.runner import Runner

DATA_BATCH = dict | tuple | list | None

# What the runner passes at each stage beside itself, in the order of the loop.
STAGE_ARGUMENTS: dict[str, tuple[str, ...]] = {
    'before_run': (),
    'after_load_checkpoint': ('checkpoint',),
    'before_train': (),
    'before_train_epoch': (),
    'before_train_iter': ('batch_idx', 'data_batch'),
    'after_train_iter': ('batch_idx', 'data_batch', 'outputs'),
    'before_save_checkpoint': ('checkpoint',),
    'after_train_epoch': (),
    'before_val': (),
    'before_val_epoch': (),
    'before_val_iter': ('batch_idx', 'data_batch'),
    'after_val_iter': ('batch_idx', 'data_batch', 'outputs'),
    'after_val_epoch': ('metrics',),
    'after_val': (),
    'before_test': (),
    'before_test_epoch': (),
    'before_test_iter': ('batch_idx', 'data_batch'),
    'after_test_iter': ('batch_idx', 'data_batch', 'outputs'),
    'after_test_epoch': ('metrics',),
    'after_test': (),
    'after_train': (),
    'after_run': (),
}


def generic_stage(stage: str) -> str | None:
    """The mode-generic method that `stage` falls through to: `before_val_iter` gives `_before_iter`; else None."""
    when, _, rest = stage.partition('_')
    mode, _, unit = rest.partition('_')
    return f'_{when}_{unit}' if mode in ('train', 'val', 'test') and unit in ('epoch', 'iter') else None


class Hook:
    """Base of all hooks; see the module's docstring for the order of the stages.

    A hook that carries state defines `state_dict()` and `load_state_dict(state)`: both are called with each checkpoint.

    Attributes:
        priority: name of a `Priority` or an integer in 0..100; lower runs earlier. A config may override it.
        before, after: names of hook classes that this hook runs before or after, whatever their priorities
            (`mmengine.runner.hook_order`). A config may override them.
    """

    priority: str | int = 'NORMAL'
    before: str | Sequence[str] = ()
    after: str | Sequence[str] = ()
    stages = tuple(STAGE_ARGUMENTS)

    def before_run(self, runner: Runner) -> None: ...
    def after_run(self, runner: Runner) -> None: ...
    def before_train(self, runner: Runner) -> None: ...
    def after_train(self, runner: Runner) -> None: ...
    def before_val(self, runner: Runner) -> None: ...
    def after_val(self, runner: Runner) -> None: ...
    def before_test(self, runner: Runner) -> None: ...
    def after_test(self, runner: Runner) -> None: ...

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """May add to or change `checkpoint` before it is written. Called on rank 0 only."""

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """May read or change `checkpoint` before its weights reach the model. Called on every rank."""

    def before_train_epoch(self, runner: Runner) -> None:
        self._before_epoch(runner, mode='train')

    def before_val_epoch(self, runner: Runner) -> None:
        self._before_epoch(runner, mode='val')

    def before_test_epoch(self, runner: Runner) -> None:
        self._before_epoch(runner, mode='test')

    def after_train_epoch(self, runner: Runner) -> None:
        self._after_epoch(runner, mode='train')

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._after_epoch(runner, mode='val')

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._after_epoch(runner, mode='test')

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        self._before_iter(runner, batch_idx=batch_idx, data_batch=data_batch, mode='train')

    def before_val_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        self._before_iter(runner, batch_idx=batch_idx, data_batch=data_batch, mode='val')

    def before_test_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        self._before_iter(runner, batch_idx=batch_idx, data_batch=data_batch, mode='test')

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict | None = None
    ) -> None:
        """`outputs`: what `train_step` returned, the logged losses as detached tensors on their device."""
        self._after_iter(runner, batch_idx=batch_idx, data_batch=data_batch, outputs=outputs, mode='train')

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: Sequence | None = None
    ) -> None:
        """`outputs`: the data samples that `val_step` predicted."""
        self._after_iter(runner, batch_idx=batch_idx, data_batch=data_batch, outputs=outputs, mode='val')

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: Sequence | None = None
    ) -> None:
        """`outputs`: the data samples that `test_step` predicted."""
        self._after_iter(runner, batch_idx=batch_idx, data_batch=data_batch, outputs=outputs, mode='test')

    def _before_epoch(self, runner: Runner, mode: str = 'train') -> None: ...
    def _after_epoch(self, runner: Runner, mode: str = 'train') -> None: ...
    def _before_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, mode: str = 'train'
    ) -> None: ...
    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: Sequence | dict | None = None,
        mode: str = 'train',
    ) -> None: ...

    def every_n_epochs(self, runner: Runner, n: int, start: int = 0) -> bool:
        """Whether the epoch that is ending is epoch `start` or an n-th after it."""
        done = runner.epoch + 1 - start
        return n > 0 and done >= 0 and done % n == 0

    def every_n_inner_iters(self, batch_idx: int, n: int) -> bool:
        """Whether batch `batch_idx` (from 0) of the epoch is an n-th one."""
        return n > 0 and (batch_idx + 1) % n == 0

    def every_n_train_iters(self, runner: Runner, n: int, start: int = 0) -> bool:
        """Whether the iteration that is ending is iteration `start` or an n-th after it."""
        done = runner.iter + 1 - start
        return n > 0 and done >= 0 and done % n == 0

    def end_of_epoch(self, dataloader: Any, batch_idx: int) -> bool:
        """Whether batch `batch_idx` is the last of `dataloader`."""
        return batch_idx + 1 == len(dataloader)

    def is_last_train_epoch(self, runner: Runner) -> bool:
        return runner.epoch + 1 == runner.max_epochs

    def is_last_train_iter(self, runner: Runner) -> bool:
        return runner.iter + 1 == runner.max_iters

    def get_triggered_stages(self) -> list[str]:
        """The stages that this hook implements, itself or through a generic method, in the order of the loop."""

        def overrides(method: str | None) -> bool:
            return method is not None and is_method_overridden(method, Hook, self)

        return [s for s in self.stages if overrides(s) or overrides(generic_stage(s))]
