"""Writes what the message hub collected to console, file and visualisation backends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.dist import master_only
from mmengine.fileio import dump, put_text
from mmengine.registry import HOOKS

from .hook import DATA_BATCH, Hook

if TYPE_CHECKING:
    from mmengine.runner import Runner

SUFFIX_TYPE = Sequence[str] | str


@HOOKS.register_module()
class LoggerHook(Hook):
    """Logs every `interval` iterations and after each epoch, validation and test.

    Args:
        interval: iterations between two lines.
        ignore_last: do not log the last iterations of an epoch that do not fill an interval.
        interval_exp_name: iterations after which the name of the experiment is logged again; -1 for never.
        out_dir: a further place (local or remote) that the text and json logs are copied to after the run.
        out_suffix: the suffixes of the files that are copied.
        keep_local: whether the local logs stay after copying.
        log_metric_by_epoch: whether validation metrics are drawn over epochs (else over iterations).
    """

    priority = 'BELOW_NORMAL'

    def __init__(
        self,
        interval: int = 10,
        ignore_last: bool = True,
        interval_exp_name: int = 1000,
        out_dir: str | Path | None = None,
        out_suffix: SUFFIX_TYPE = ('.json', '.log', '.py', 'yaml'),
        keep_local: bool = True,
        file_client_args: dict | None = None,
        log_metric_by_epoch: bool = True,
        backend_args: dict | None = None,
    ) -> None:
        if not isinstance(interval, int) or interval <= 0:
            raise ValueError(f'interval should be a positive integer, but got {interval!r}')
        self.interval = interval
        self.ignore_last = ignore_last
        self.interval_exp_name = interval_exp_name
        self.out_dir = None if out_dir is None else str(out_dir)
        self.out_suffix = (out_suffix,) if isinstance(out_suffix, str) else tuple(out_suffix)
        self.keep_local = keep_local
        self.log_metric_by_epoch = log_metric_by_epoch
        self.backend_args = backend_args if backend_args is not None else file_client_args

    def before_run(self, runner: Runner) -> None:
        self.json_log_path = f'{runner.timestamp}.json'
        self.yaml_log_path = f'{runner.timestamp}.yaml'

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict | None = None
    ) -> None:
        if self.interval_exp_name > 0 and (runner.iter + 1) % self.interval_exp_name == 0:
            runner.logger.info(f'Exp name: {runner.experiment_name}')
        if (batch_idx + 1) % self.interval and (
            (self.ignore_last and batch_idx + 1 >= self.interval) or not self._is_logged_last(runner, batch_idx)
        ):
            return
        tag, text = runner.log_processor.get_log_after_iter(runner, batch_idx, 'train')
        runner.logger.info(text)
        runner.visualizer.add_scalars(tag, step=runner.iter + 1, file_path=self.json_log_path)

    def _is_logged_last(self, runner: Runner, batch_idx: int) -> bool:
        # An epoch shorter than an interval has no line but its last.
        length = len(runner.train_loop.dataloader)
        return batch_idx + 1 == length and not (self.ignore_last and length > self.interval)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: Sequence | None = None
    ) -> None:
        if self.every_n_inner_iters(batch_idx, self.interval):
            runner.logger.info(runner.log_processor.get_log_after_iter(runner, batch_idx, 'val')[1])

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: Sequence | None = None
    ) -> None:
        if self.every_n_inner_iters(batch_idx, self.interval):
            runner.logger.info(runner.log_processor.get_log_after_iter(runner, batch_idx, 'test')[1])

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        tag, text = runner.log_processor.get_log_after_epoch(runner, len(runner.val_dataloader), 'val')
        runner.logger.info(text)
        # An iteration-based run stays in its epoch 0, where all points would fall together.
        step = runner.epoch if self.log_metric_by_epoch and runner.epoch > 0 else runner.iter
        runner.visualizer.add_scalars(tag, step=step, file_path=self.json_log_path)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        tag, text = runner.log_processor.get_log_after_epoch(
            runner, len(runner.test_dataloader), 'test', with_non_scalar=True
        )
        runner.logger.info(text)
        if runner.rank == 0:
            dump(_plain(tag), str(Path(runner.log_dir) / self.json_log_path))

    @master_only
    def after_run(self, runner: Runner) -> None:
        if self.out_dir is not None:
            for path in sorted(Path(runner.log_dir).rglob('*')):
                if path.is_file() and path.name.endswith(self.out_suffix):
                    target = f'{self.out_dir.rstrip("/")}/{Path(runner.work_dir).name}/{path.name}'
                    put_text(path.read_text(encoding='utf-8'), target, backend_args=self.backend_args)
                    if not self.keep_local:
                        path.unlink()
        runner.visualizer.close()


def _plain(value: Any) -> Any:
    """`value` with arrays and tensors as lists, so that it can be written as json."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.tolist() if hasattr(value, 'tolist') else value
