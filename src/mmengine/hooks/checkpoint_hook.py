"""Saves checkpoints at intervals and the best ones by a metric, and removes old ones."""

from __future__ import annotations

import hashlib
import io
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmengine.checkpoint import _load_checkpoint, is_whole, save_checkpoint
from mmengine.dist import is_main_process, master_only
from mmengine.fileio import LocalBackend, get_file_backend, join_path, put
from mmengine.logging import print_log
from mmengine.registry import HOOKS
from mmengine.utils.errors import ConfigError

from .background_save import BackgroundWriter, Snapshots
from .hook import DATA_BATCH, Hook
from .metric_rules import GREATER_KEYS, LESS_KEYS, RULES, WORST, rule_of
from .previous_run import move_aside, refuse_remote, remove_unfinished

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class CheckpointHook(Hook):
    """Args:
    interval: epochs or iterations between two checkpoints; -1 for none.
    by_epoch: the unit of `interval` and `save_begin`.
    save_optimizer, save_param_scheduler: whether their states are saved; without them a run cannot be resumed exactly.
    out_dir: where checkpoints go, local or remote (`s3://...`); a folder named as the work dir is made in it. The
        work dir by default.
    max_keep_ckpts: how many of the interval checkpoints stay; -1 for all.
    save_last: save at the end whatever the interval says, also where the training was stopped early.
    save_best: a metric, a list of metrics, or 'auto' for the first that the evaluator gives.
    rule: 'greater' or 'less' for each metric of `save_best`; by default it follows from `greater_keys`, `less_keys`.
    filename_tmpl: of interval checkpoints, with one `{}`; `epoch_{}.pth` or `iter_{}.pth` by default.
    published_keys: after the run the last and the best checkpoints are also written with these keys alone, as
        `<name>-<first 8 digits of the file's SHA-256>.pth`.
    save_begin: the epoch or iteration of the first checkpoint.
    async_save: copy to the memory of the host and write from there, while the training goes on. One checkpoint is
        written at a time; the training ends when the last is written. An error is raised at the next checkpoint.
    kwargs: further arguments of `runner.save_checkpoint`.

    A run that begins anew in a folder with the checkpoints of another run moves these into `previous_<time>` in it
    before it writes its first one.
    """

    priority = 'VERY_LOW'
    rule_map = RULES
    init_value_map = WORST
    out_dir: str

    def __init__(
        self,
        interval: int = -1,
        by_epoch: bool = True,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        out_dir: str | Path | None = None,
        max_keep_ckpts: int = -1,
        save_last: bool = True,
        save_best: str | list[str] | None = None,
        rule: str | list[str] | None = None,
        greater_keys: Sequence[str] | None = None,
        less_keys: Sequence[str] | None = None,
        file_client_args: dict | None = None,
        filename_tmpl: str | None = None,
        backend_args: dict | None = None,
        published_keys: str | list[str] | None = None,
        save_begin: int = 0,
        async_save: bool = False,
        **kwargs: Any,
    ) -> None:
        if save_begin < 0:
            raise ConfigError(f'save_begin should not be negative, but got {save_begin}')
        if file_client_args is not None and backend_args is not None:
            raise ConfigError('file_client_args is the former name of backend_args; give only backend_args')
        self.interval = interval
        self.by_epoch = by_epoch
        self.save_optimizer = save_optimizer
        self.save_param_scheduler = save_param_scheduler
        self.out_dir = out_dir  # type: ignore[assignment]
        self.max_keep_ckpts = max_keep_ckpts
        self.save_last = save_last
        self.args = kwargs
        self.file_client_args = file_client_args
        self.backend_args = backend_args if backend_args is not None else file_client_args
        self.filename_tmpl = filename_tmpl or ('epoch_{}.pth' if by_epoch else 'iter_{}.pth')
        self.published_keys = [published_keys] if isinstance(published_keys, str) else published_keys
        self.save_begin = save_begin
        self.async_save = async_save
        self._writer: BackgroundWriter | None = None
        self._snapshots = Snapshots()
        self.last_ckpt: str | None = None
        self.keep_ckpt_ids: deque[int] = deque()
        self._last_step = -1
        self._has_room = False  # whether the checkpoints of former runs were moved out of the way

        self.save_best = save_best
        self.greater_keys = list(greater_keys) if greater_keys is not None else GREATER_KEYS
        self.less_keys = list(less_keys) if less_keys is not None else LESS_KEYS
        self.key_indicators: list[str] = []
        self.rules: list[str | None] = []
        self.is_better_than: dict[str, Callable[[Any, Any], bool]] = {}
        self.best_scores: dict[str, float] = {}
        self.best_ckpt_path_dict: dict[str, str | None] = {}
        self._resumed = False
        if save_best is not None:
            self._init_rule(rule, [save_best] if isinstance(save_best, str) else list(save_best))

    @property
    def best_ckpt_path(self) -> str | None:
        """The best checkpoint by the only metric of `save_best`."""
        return self.best_ckpt_path_dict.get(self.key_indicators[0]) if len(self.key_indicators) == 1 else None

    @best_ckpt_path.setter
    def best_ckpt_path(self, path: str | None) -> None:
        self.best_ckpt_path_dict[self.key_indicators[0]] = path

    def _init_rule(self, rules: Any, key_indicators: list[str]) -> None:
        """Set `key_indicators`, `rules` and `is_better_than`: which metrics decide, and whether more of them is better.

        Raises:
            ConfigError: rules do not match the metrics, or cannot be told from their names.
        """
        if 'auto' in key_indicators and len(key_indicators) > 1:
            raise ConfigError(
                f"save_best: 'auto' stands for the first metric and cannot be listed with others: {key_indicators}"
            )
        given = [rules] if isinstance(rules, str) else [r for r in rules or () if r is not None]
        if given and len(given) not in (1, len(key_indicators)):
            raise ConfigError(
                f'rule should be one or one for each metric of save_best, but got {given} for {key_indicators}'
            )
        unknown = [r for r in given if r not in RULES]
        if unknown:
            raise ConfigError(f"rule should be 'greater' or 'less', but got {unknown[0]!r}")
        self.key_indicators = list(key_indicators)
        self.rules = list(given * len(key_indicators) if len(given) == 1 else given) or [None] * len(key_indicators)
        for position, key in enumerate(key_indicators):
            if self.rules[position] is None and key != 'auto':
                self.rules[position] = rule_of(key, self.greater_keys, self.less_keys, 'save_best of CheckpointHook')
        self.is_better_than = {k: RULES[r] for k, r in zip(key_indicators, self.rules, strict=True) if r is not None}

    # ------------------------------------------------------------------ state

    def state_dict(self) -> dict:
        return {
            'keep_ckpt_ids': list(self.keep_ckpt_ids),
            'last_ckpt': self.last_ckpt,
            'best_scores': dict(self.best_scores),
            'best_ckpt_path_dict': dict(self.best_ckpt_path_dict),
        }

    def load_state_dict(self, state: dict) -> None:
        self.keep_ckpt_ids = deque(state.get('keep_ckpt_ids', ()))
        self.last_ckpt = state.get('last_ckpt')
        self.best_scores = dict(state.get('best_scores', {}))
        self.best_ckpt_path_dict = dict(state.get('best_ckpt_path_dict', {}))
        self._resumed = True

    def _adopt(self, info: dict[str, Any]) -> None:
        """Take over what the message hub of a checkpoint says that has no state of this hook."""
        self.keep_ckpt_ids = deque(info.get('keep_ckpt_ids', ()))
        for key, value in info.items():
            name = (self.key_indicators or [''])[0] if key in ('best_score', 'best_ckpt') else key.split('_', 2)[-1]
            if key.startswith('best_score'):
                self.best_scores[name] = float(value)
            elif key.startswith('best_ckpt'):
                self.best_ckpt_path_dict[name] = value

    def before_train(self, runner: Runner) -> None:
        if self.out_dir is None:
            self.out_dir = runner.work_dir
        else:
            self.out_dir = join_path(str(self.out_dir), Path(runner.work_dir).name, backend_args=self.backend_args)
        self.file_backend = self.file_client = get_file_backend(self.out_dir, backend_args=self.backend_args)
        if isinstance(self.file_backend, LocalBackend):
            self.out_dir = str(Path(self.out_dir).absolute())
        if Path(self.out_dir) != Path(runner.work_dir):
            runner.logger.info(f'Checkpoints will be saved to {self.out_dir}.')
        if not self._continues(runner):
            refuse_remote(self.out_dir, self.backend_args)
        if is_main_process():
            for folder in self._folders(runner):
                remove_unfinished(folder)
        if not self._resumed and runner.iter > 0:
            self._adopt(runner.message_hub.runtime_info)

    # ------------------------------------------------------------------ stages

    def after_train_epoch(self, runner: Runner) -> None:
        if self.by_epoch and self._is_due(runner, self.every_n_epochs, self.is_last_train_epoch):
            self._save(runner, runner.epoch + 1)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict | None = None
    ) -> None:
        if self.by_epoch:
            return
        # Before the questions of `_is_due`, the cheap one, since this runs in each iteration.
        loop: Any = runner.train_loop
        done = loop.iter + 1
        if self.interval > 0 and (done - self.save_begin) % self.interval and done != loop.max_iters:
            return
        if self._is_due(runner, self.every_n_train_iters, self.is_last_train_iter):
            self._save(runner, done)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        if self.key_indicators and metrics:
            self._save_best_checkpoint(runner, metrics)

    def after_train(self, runner: Runner) -> None:
        step = runner.epoch if self.by_epoch else runner.iter
        if self.save_last and getattr(runner.train_loop, 'stop_training', False) and self._last_step != step:
            self._save_checkpoint_with_step(runner, step, {'epoch': runner.epoch, 'iter': runner.iter})
        self._wait()
        if self.published_keys is not None:
            for path in filter(None, [self.last_ckpt, *self.best_ckpt_path_dict.values()]):
                self._publish_model(runner, path)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        # One at a time, and what this run writes otherwise (when interrupted) is the newest.
        self._wait()
        if not self._has_room and is_main_process():
            self._make_room(runner)

    def _continues(self, runner: Runner) -> bool:
        """Whether this run goes on with the one that wrote to its folders before."""
        source = getattr(runner, '_resumed_from', None)
        if source is None:
            return False
        home = source.rpartition('/')[0] if '://' in source else str(Path(source).resolve().parent)
        return home in self._folders(runner)

    def _folders(self, runner: Runner) -> list[str]:
        """Where this run writes checkpoints: always to the work dir, if only when it is interrupted."""
        folders = [runner.work_dir, getattr(self, 'out_dir', None) or runner.work_dir]
        return list(dict.fromkeys(f.rstrip('/') if '://' in f else str(Path(f).resolve()) for f in map(str, folders)))

    def _make_room(self, runner: Runner) -> None:
        self._has_room = True
        if self._continues(runner):
            return
        for folder in self._folders(runner):
            if '://' in folder:
                continue
            moved = move_aside(folder, self.filename_tmpl)
            if moved is not None:
                runner.logger.warning(
                    f'the checkpoints of another run in {folder} were moved to {moved}, since this run began anew; '
                    f'to go on with that one: --resume {moved}/<name of a checkpoint>'
                )

    def _is_due(self, runner: Runner, every: Callable[..., bool], is_last: Callable[..., bool]) -> bool:
        return every(runner, self.interval, self.save_begin) or (self.save_last and is_last(runner))

    # ------------------------------------------------------------------ saving

    def _save(self, runner: Runner, step: int) -> None:
        self._save_checkpoint_with_step(runner, step, meta={})

    _save_checkpoint = _save

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        name = self.filename_tmpl.format(step)
        runner.logger.info(f'Saving checkpoint at {step} {"epochs" if self.by_epoch else "iterations"}')
        # What the new checkpoint says about retention must already include itself.
        if step in self.keep_ckpt_ids:
            self.keep_ckpt_ids.remove(step)
        self.keep_ckpt_ids.append(step)
        surplus = []
        while 0 < self.max_keep_ckpts < len(self.keep_ckpt_ids):
            surplus.append(self._path(self.filename_tmpl.format(self.keep_ckpt_ids.popleft())))
        path = self.last_ckpt = self._path(name)
        self._last_step = step
        info = {'last_ckpt': path, **({'keep_ckpt_ids': list(self.keep_ckpt_ids)} if self.max_keep_ckpts > 0 else {})}
        runner.message_hub.update_info_dict(info)

        def note() -> None:
            if not self._is_there(path):
                return
            for folder in dict.fromkeys((runner.work_dir, self.out_dir)):
                args = None if folder == runner.work_dir else self.backend_args
                put(path.encode(), join_path(folder, 'last_checkpoint', backend_args=args), backend_args=args)
            for old in surplus:
                self._remove(old)

        self._write(runner, name, meta, note)

    def _write(self, runner: Runner, name: str, meta: dict, afterwards: Callable[[], None]) -> None:
        """Save as `name` in `out_dir`, and call `afterwards` (on the main process) when that is done."""
        options: dict[str, Any] = {
            'save_optimizer': self.save_optimizer,
            'save_param_scheduler': self.save_param_scheduler,
            'meta': meta,
            'by_epoch': self.by_epoch,
            'backend_args': self.backend_args,
            **self.args,
        }
        if not self.async_save:
            runner.save_checkpoint(self.out_dir, filename=name, **options)
            if is_main_process():
                afterwards()
            return
        writer = self._writer = self._writer or BackgroundWriter()

        def write(checkpoint: dict, path: str, **kwargs: Any) -> None:
            writer.wait()  # for the memory of the last copy
            copied = self._snapshots.take(checkpoint)

            def job() -> None:
                save_checkpoint(copied, path, **kwargs)
                afterwards()

            writer.submit(job, path)

        runner.save_checkpoint(self.out_dir, filename=name, write=write, **options)

    def _wait(self) -> None:
        if self._writer is not None:
            self._writer.wait()

    def _path(self, name: str) -> str:
        return join_path(self.out_dir, name, backend_args=self.backend_args)

    def _is_there(self, path: str) -> bool:
        """Whether what was written is whole, before `last_checkpoint` names it and others are removed for it."""
        if isinstance(self.file_backend, LocalBackend):
            # Of a folder of shards, which may be huge, what was written last.
            whole = is_whole(join_path(path, 'run.pth') if self.file_backend.isdir(path) else path)
        else:
            whole = self.file_backend.exists(path)
        if not whole:
            print_log(
                f'{path} was written but cannot be read back whole; last_checkpoint and older checkpoints stay',
                'current',
                logging.ERROR,
            )
        return whole

    def _remove(self, path: str) -> None:
        if not self.file_backend.exists(path):
            return
        if self.file_backend.isdir(path):
            self.file_backend.rmtree(path)
        else:
            self.file_backend.remove(path)

    # ------------------------------------------------------------------ best

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        if self.key_indicators == ['auto']:
            first = next(iter(metrics))
            for known in (self.best_scores, self.best_ckpt_path_dict):
                if 'auto' in known:
                    known[first] = known.pop('auto')  # type: ignore[assignment]
            self._init_rule(self.rules, [first])
        # In an epoch-based run validation comes after the epoch was counted.
        step = runner.epoch if self.by_epoch else runner.iter
        for key, rule in zip(self.key_indicators, self.rules, strict=True):
            if key not in metrics:
                raise ConfigError(
                    f'save_best={key!r} of CheckpointHook is none of the metrics of the evaluator: {", ".join(metrics)}'
                )
            score = float(metrics[key])
            # NaN is never better.
            if not self.is_better_than[key](score, self.best_scores.get(key, WORST[rule or ''])):
                continue
            name = f'best_{key.replace("/", "_")}_{self.filename_tmpl.format(step)}'
            path, before = self._path(name), self.best_ckpt_path_dict.get(key)
            self.best_scores[key], self.best_ckpt_path_dict[key] = score, path
            suffix = '' if len(self.key_indicators) == 1 else f'_{key}'
            runner.message_hub.update_info_dict({f'best_score{suffix}': score, f'best_ckpt{suffix}': path})

            def replace(before: str | None = before, path: str = path) -> None:
                if before is not None and before != path and self._is_there(path):
                    self._remove(before)

            # The counters have moved on already: save with them as they are.
            self._write(runner, name, {'epoch': runner.epoch, 'iter': runner.iter}, replace)
            runner.logger.info(
                f'The best checkpoint with {score:0.4f} {key} at {step} {"epoch" if self.by_epoch else "iter"} '
                f'is saved to {name}.'
            )

    # ------------------------------------------------------------------ publishing

    @master_only
    def _publish_model(self, runner: Runner, ckpt_path: str) -> None:
        checkpoint = _load_checkpoint(ckpt_path, map_location='cpu')
        keys = self.published_keys or []
        missing = [k for k in keys if k not in checkpoint]
        if missing:
            runner.logger.log(
                logging.WARNING,
                f'published_keys: {", ".join(missing)} not in {ckpt_path}, which holds {", ".join(checkpoint)}',
            )
        buffer = io.BytesIO()
        torch.save(OrderedDict((k, v) for k, v in checkpoint.items() if k in keys), buffer)
        digest = hashlib.sha256(buffer.getbuffer()).hexdigest()[:8]
        target = f'{ckpt_path.removesuffix(".pth")}-{digest}.pth'
        put(buffer.getvalue(), target, backend_args=self.backend_args)
        runner.logger.info(f'A copy of {ckpt_path} with {", ".join(keys)} alone is saved to {target}.')
