"""Keeps epoch, iteration, learning rate, losses and metrics in the message hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from mmengine.registry import HOOKS
from mmengine.version import __version__

from .hook import DATA_BATCH, Hook

if TYPE_CHECKING:
    from mmengine.runner import Runner


def is_scalar(value: Any) -> bool:
    """Whether `value` is a number, or an array or tensor of one element."""
    if isinstance(value, torch.Tensor):
        return value.numel() == 1
    return isinstance(value, (int, float)) or getattr(value, 'size', None) == 1


def _rates_by_kind(optim_wrapper: Any) -> dict[str, float]:
    """The learning rates of groups that differ in their first one, by its ratio to the optimizer's."""
    if hasattr(optim_wrapper, 'items'):
        parts = [(f'{name}.', _rates_by_kind(wrapper)) for name, wrapper in optim_wrapper.items()]
        return {f'{prefix}{name}': rate for prefix, rates in parts for name, rate in rates.items()}
    base = optim_wrapper.defaults['lr']
    groups = optim_wrapper.optimizer.param_groups
    return {f'x{g.get("initial_lr", g["lr"]) / base:.3g}.lr': g['lr'] for g in reversed(groups)}


@HOOKS.register_module()
class RuntimeInfoHook(Hook):
    """Writes `iter`, `epoch`, `max_iters`, … as runtime info; `train/lr`, `train/loss*`, `val/*`, `test/*` as scalars.

    Nothing is read back from the device: losses enter the hub as the tensors that they are.

    Args:
        log_groups: also log the learning rate of each kind of parameter group, as `x0.1.lr` for those that began with a
            tenth of the optimizer's.
    """

    priority = 'VERY_HIGH'

    def __init__(self, log_groups: bool = False) -> None:
        self.log_groups = log_groups

    def before_run(self, runner: Runner) -> None:
        pretty = getattr(runner.cfg, 'pretty_text', '')
        runner.message_hub.update_info_dict(
            {
                'cfg': pretty,
                'seed': runner.seed,
                'experiment_name': runner.experiment_name,
                'mmengine_version': __version__,
            }
        )

    def before_train(self, runner: Runner) -> None:
        hub = runner.message_hub
        hub.update_info('loop_stage', 'train')
        hub.update_info('epoch', runner.epoch)
        hub.update_info('iter', runner.iter)
        hub.update_info('max_epochs', runner.max_epochs)
        hub.update_info('max_iters', runner.max_iters)
        meta = getattr(runner.train_dataloader.dataset, 'metainfo', None)
        if meta is not None:
            hub.update_info('dataset_meta', meta)

    def before_train_epoch(self, runner: Runner) -> None:
        runner.message_hub.update_info('epoch', runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        hub = runner.message_hub
        hub.update_info('iter', runner.iter)
        for name, values in runner.optim_wrapper.get_lr().items():
            # `lr` of the only optimizer, `<optimizer>.lr` where there are several.
            hub.update_scalar(f'train/{name}', values[0])
        if self.log_groups:
            for name, rate in _rates_by_kind(runner.optim_wrapper).items():
                hub.update_scalar(f'train/{name}', rate)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict | None = None
    ) -> None:
        if outputs is None:
            return
        hub = runner.message_hub
        for key, value in outputs.items():
            hub.update_scalar(f'train/{key}', value)

    def before_val(self, runner: Runner) -> None:
        runner.message_hub.update_info('loop_stage', 'val')

    def after_val(self, runner: Runner) -> None:
        # A validation inside of a training hands the stage back.
        if runner.message_hub.get_info('max_iters') is not None:
            runner.message_hub.update_info('loop_stage', 'train')

    def before_test(self, runner: Runner) -> None:
        runner.message_hub.update_info('loop_stage', 'test')

    def after_test(self, runner: Runner) -> None:
        runner.message_hub.pop_info('loop_stage')

    def after_train(self, runner: Runner) -> None:
        runner.message_hub.pop_info('loop_stage')

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._log_metrics(runner, 'val', metrics)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._log_metrics(runner, 'test', metrics)

    def _log_metrics(self, runner: Runner, mode: str, metrics: dict[str, float] | None) -> None:
        for key, value in (metrics or {}).items():
            if is_scalar(value):
                runner.message_hub.update_scalar(f'{mode}/{key}', value)
            else:
                runner.message_hub.update_info(f'{mode}/{key}', value)
