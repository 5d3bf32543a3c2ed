"""Saves checkpoints at intervals and the best ones by a metric, and removes old ones."""

from __future__ import annotations

import operator
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.checkpoint import _load_checkpoint, save_checkpoint
from mmengine.dist import is_main_process, master_only
from mmengine.fileio import get_file_backend, join_path
from mmengine.registry import HOOKS
from mmengine.utils.errors import ConfigError

from .hook import DATA_BATCH, Hook

if TYPE_CHECKING:
    from mmengine.runner import Runner

COMPARE: dict[str, Callable[[Any, Any], bool]] = {'greater': operator.gt, 'less': operator.lt}
WORST = {'greater': -inf, 'less': inf}
GREATER_KEYS = ['acc', 'top', 'AR@', 'auc', 'precision', 'mAP', 'mDice', 'mIoU', 'mAcc', 'aAcc']
LESS_KEYS = ['loss']


@HOOKS.register_module()
class CheckpointHook(Hook):
    """Args:
    interval: epochs or iterations between two checkpoints; -1 for none.
    by_epoch: the unit of `interval` and `save_begin`.
    save_optimizer, save_param_scheduler: whether their states are saved; without them a run cannot be resumed exactly.
    out_dir: where checkpoints go (a folder named as the work dir is made in it); the work dir by default.
    max_keep_ckpts: how many of the interval checkpoints stay; -1 for all.
    save_last: save at the end whatever the interval says.
    save_best: a metric, a list of metrics, or 'auto' for the first that the evaluator gives.
    rule: 'greater' or 'less' for each metric of `save_best`; by default it follows from `greater_keys`, `less_keys`.
    filename_tmpl: of interval checkpoints, with one `{}`; `epoch_{}.pth` or `iter_{}.pth` by default.
    published_keys: after the run the best (or last) checkpoint is also written with these keys only.
    save_begin: the epoch or iteration before which nothing is saved.
    """

    priority = 'VERY_LOW'
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
        **kwargs: Any,
    ) -> None:
        if save_begin < 0:
            raise ConfigError(f'save_begin should not be negative, but got {save_begin}')
        self.interval = interval
        self.by_epoch = by_epoch
        self.save_optimizer = save_optimizer
        self.save_param_scheduler = save_param_scheduler
        self.out_dir = out_dir  # type: ignore[assignment]
        self.max_keep_ckpts = max_keep_ckpts
        self.save_last = save_last
        self.args = kwargs
        self.backend_args = backend_args if backend_args is not None else file_client_args
        self.filename_tmpl = filename_tmpl or ('epoch_{}.pth' if by_epoch else 'iter_{}.pth')
        self.published_keys = [published_keys] if isinstance(published_keys, str) else published_keys
        self.save_begin = save_begin
        self.last_ckpt: str | None = None
        self.keep_ckpt_ids: deque[int] = deque()

        self.save_best = save_best
        indicators = [save_best] if isinstance(save_best, str) else list(save_best or [])
        if 'auto' in indicators and len(indicators) > 1:
            raise ConfigError(
                f"save_best: 'auto' stands for the first metric and cannot be listed with others: {indicators}"
            )
        rules = [rule] if isinstance(rule, str) else list(rule or [])
        if rules and len(rules) not in (1, len(indicators)):
            raise ConfigError(
                f'rule should be one or one for each metric of save_best, but got {rules} for {indicators}'
            )
        unknown = [r for r in rules if r not in COMPARE]
        if unknown:
            raise ConfigError(f"rule should be 'greater' or 'less', but got {unknown[0]!r}")
        self.greater_keys = list(greater_keys) if greater_keys is not None else GREATER_KEYS
        self.less_keys = list(less_keys) if less_keys is not None else LESS_KEYS
        self.key_indicators = indicators
        self.rules = rules * len(indicators) if len(rules) == 1 else rules
        self.best: dict[str, dict[str, Any]] = {}  # metric -> {'score': float, 'path': str}

    # ------------------------------------------------------------------ state

    def state_dict(self) -> dict:
        return {'keep_ckpt_ids': list(self.keep_ckpt_ids), 'best': self.best, 'last_ckpt': self.last_ckpt}

    def load_state_dict(self, state: dict) -> None:
        self.keep_ckpt_ids = deque(state.get('keep_ckpt_ids', ()))
        self.best = {k: dict(v) for k, v in state.get('best', {}).items()}
        self.last_ckpt = state.get('last_ckpt')

    def before_train(self, runner: Runner) -> None:
        if self.out_dir is None:
            self.out_dir = runner.work_dir
        else:
            self.out_dir = join_path(str(self.out_dir), Path(runner.work_dir).name, backend_args=self.backend_args)
        self.file_backend = get_file_backend(self.out_dir, backend_args=self.backend_args)
        if Path(self.out_dir) != Path(runner.work_dir):
            runner.logger.info(f'Checkpoints will be saved to {self.out_dir}.')

    # ------------------------------------------------------------------ stages

    def after_train_epoch(self, runner: Runner) -> None:
        if self.by_epoch and self._is_due(runner.epoch + 1, self.is_last_train_epoch(runner)):
            self._save(runner, runner.epoch + 1)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict | None = None
    ) -> None:
        if not self.by_epoch and self._is_due(runner.iter + 1, self.is_last_train_iter(runner)):
            self._save(runner, runner.iter + 1)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        if self.key_indicators and metrics:
            self._save_best_checkpoint(runner, metrics)

    @master_only
    def after_train(self, runner: Runner) -> None:
        if self.published_keys is None:
            return
        paths = [entry['path'] for entry in self.best.values()] or [self.last_ckpt]
        for path in filter(None, paths):
            self._publish(runner, path)

    def _is_due(self, done: int, last: bool) -> bool:
        if self.save_last and last:
            return True
        return self.interval > 0 and done > self.save_begin and (done - self.save_begin) % self.interval == 0

    # ------------------------------------------------------------------ saving

    def _save(self, runner: Runner, step: int) -> None:
        self._save_checkpoint_with_step(runner, step, meta={})

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        name = self.filename_tmpl.format(step)
        runner.logger.info(f'Saving checkpoint at {step} {"epochs" if self.by_epoch else "iterations"}')
        # What the new checkpoint says about retention must already include itself.
        if step in self.keep_ckpt_ids:
            self.keep_ckpt_ids.remove(step)
        self.keep_ckpt_ids.append(step)
        surplus = []
        while 0 < self.max_keep_ckpts < len(self.keep_ckpt_ids):
            surplus.append(self.keep_ckpt_ids.popleft())
        self.last_ckpt = join_path(self.out_dir, name, backend_args=self.backend_args)
        self._write(runner, name, meta, self.by_epoch)
        if not is_main_process():
            return
        self.file_backend.put_text(
            self.last_ckpt, join_path(self.out_dir, 'last_checkpoint', backend_args=self.backend_args)
        )
        for old in surplus:
            self._remove(join_path(self.out_dir, self.filename_tmpl.format(old), backend_args=self.backend_args))

    def _write(self, runner: Runner, name: str, meta: dict, by_epoch: bool) -> None:
        runner.save_checkpoint(
            self.out_dir,
            filename=name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )

    def _remove(self, path: str) -> None:
        if not self.file_backend.exists(path):
            return
        if self.file_backend.isdir(path):
            self.file_backend.rmtree(path)
        else:
            self.file_backend.remove(path)

    # ------------------------------------------------------------------ best

    def _rule_of(self, key: str, position: int) -> str:
        if self.rules:
            return self.rules[min(position, len(self.rules) - 1)]
        plain = key.rsplit('/', 1)[-1].lower()
        for rule, keys in (('greater', self.greater_keys), ('less', self.less_keys)):
            if plain in (k.lower() for k in keys):
                return rule
        for rule, keys in (('greater', self.greater_keys), ('less', self.less_keys)):
            if any(k.lower() in plain for k in keys):
                return rule
        raise ConfigError(
            f'save_best: whether a greater or a less {key!r} is better cannot be told from its name; '
            "set rule='greater' or rule='less' of CheckpointHook"
        )

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        # In an epoch-based run validation comes after the epoch was counted.
        by_epoch = self.by_epoch
        step = runner.epoch if by_epoch else runner.iter
        if self.key_indicators == ['auto']:
            self.key_indicators = [next(iter(metrics))]
        for position, key in enumerate(self.key_indicators):
            if key not in metrics:
                raise ConfigError(
                    f'save_best={key!r} of CheckpointHook is none of the metrics of the evaluator: {", ".join(metrics)}'
                )
            rule = self._rule_of(key, position)
            score, best = metrics[key], self.best.get(key)
            if best is not None and not COMPARE[rule](score, best['score']):
                continue
            if score != score:  # NaN is never the best
                continue
            name = f'best_{key.replace("/", "_")}_{self.filename_tmpl.format(step)}'
            path = join_path(self.out_dir, name, backend_args=self.backend_args)
            self.best[key] = {'score': float(score), 'path': path}
            runner.message_hub.update_info(
                'best_score' if len(self.key_indicators) == 1 else f'best_score_{key}', float(score)
            )
            runner.message_hub.update_info('best_ckpt' if len(self.key_indicators) == 1 else f'best_ckpt_{key}', path)
            # The counters have moved on already: save with them as they are.
            self._write(runner, name, {'epoch': runner.epoch, 'iter': runner.iter}, by_epoch)
            if is_main_process() and best is not None and best['path'] != path:
                self._remove(best['path'])
            runner.logger.info(
                f'The best checkpoint with {score:0.4f} {key} at {step} {"epoch" if by_epoch else "iter"} is {name}.'
            )

    def _publish(self, runner: Runner, path: str) -> None:
        checkpoint = _load_checkpoint(path, map_location='cpu')
        missing = [k for k in self.published_keys or [] if k not in checkpoint]
        if missing:
            raise ConfigError(f'published_keys: {missing} not in {path}, which holds {", ".join(checkpoint)}')
        published = OrderedDict((k, v) for k, v in checkpoint.items() if k in (self.published_keys or []))
        target = f'{path.removesuffix(".pth")}-published.pth'
        save_checkpoint(published, target, backend_args=self.backend_args)
        runner.logger.info(f'A copy of {path} with {", ".join(published)} alone is saved to {target}.')
