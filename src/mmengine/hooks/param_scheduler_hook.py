"""Steps the parameter schedulers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmengine.registry import HOOKS

from .hook import DATA_BATCH, Hook

if TYPE_CHECKING:
    from mmengine.optim import _ParamScheduler
    from mmengine.runner import Runner


def all_schedulers(runner: Runner) -> Iterator[_ParamScheduler]:
    """The schedulers of the only optimizer, or of all of them where the runner has several by name."""
    schedulers: Any = runner.param_schedulers
    if isinstance(schedulers, dict):
        for group in schedulers.values():
            yield from group
    else:
        yield from schedulers or ()


@HOOKS.register_module()
class ParamSchedulerHook(Hook):
    """Steps schedulers with `by_epoch=False` after each iteration, the others after each epoch.

    A scheduler that watches a metric (`need_val_args`) is stepped after validation, with the metrics. One that goes by
    iteration waits where mixed precision left an update out.
    """

    priority = 'LOW'

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict | None = None
    ) -> None:
        schedulers = runner.param_schedulers
        for scheduler in schedulers if type(schedulers) is list else all_schedulers(runner):
            if scheduler.by_epoch or getattr(scheduler, 'need_val_args', False):
                continue
            if not getattr(scheduler.optimizer, 'step_skipped', False):
                scheduler.step()

    def after_train_epoch(self, runner: Runner) -> None:
        for scheduler in all_schedulers(runner):
            if scheduler.by_epoch and not getattr(scheduler, 'need_val_args', False):
                scheduler.step()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        if metrics is None:
            return
        for scheduler in all_schedulers(runner):
            if getattr(scheduler, 'need_val_args', False):
                scheduler.step(metrics)  # type: ignore[call-arg]
