"""From the parts of a config to the parts of a run: one method each, to override where one part should differ."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from mmengine.config.origin import where
from mmengine.dist import get_rank, sync_random_seed
from mmengine.logging import MessageHub, MMLogger
from mmengine.optim import OptimWrapper, OptimWrapperDict, _ParamScheduler
from mmengine.registry import LOG_PROCESSORS, LOOPS, MODELS, VISUALIZERS
from mmengine.strategies import SingleDeviceStrategy, unwrapped
from mmengine.utils.errors import ConfigError
from mmengine.visualization import Visualizer

from . import build
from .access import RunnerAccess
from .base_loop import BaseLoop
from .log_processor import LogProcessor
from .loops import EpochBasedTrainLoop, IterBasedTrainLoop, TestLoop, ValLoop

ParamSchedulerType = list[_ParamScheduler] | dict[str, list[_ParamScheduler]]
OptimWrapperType = OptimWrapper | OptimWrapperDict


class RunnerBuilders(RunnerAccess):
    """Each method takes a config or the finished part and returns the part."""

    logger: MMLogger
    model: nn.Module
    optim_wrapper: Any
    strategy: SingleDeviceStrategy
    _train_dataloader: Any
    _val_dataloader: Any
    _val_evaluator: Any
    _test_dataloader: Any
    _test_evaluator: Any

    def build_logger(self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs: Any) -> MMLogger:
        if log_file is None:
            log_file = str(Path(self._log_dir, f'{self._timestamp}.log'))
        kwargs.setdefault('name', self._experiment_name)
        kwargs.setdefault('file_mode', 'a')
        return MMLogger.get_instance(log_level=log_level, log_file=log_file, **kwargs)

    def build_message_hub(self, message_hub: dict | None = None) -> MessageHub:
        return MessageHub.get_instance(**{'name': self._experiment_name, **(message_hub or {})})

    def build_visualizer(self, visualizer: Visualizer | dict | None = None) -> Visualizer:
        if isinstance(visualizer, Visualizer):
            return visualizer
        cfg: dict[str, Any] = dict(visualizer or {'vis_backends': [{'type': 'LocalVisBackend'}]})
        cfg.setdefault('type', 'Visualizer')
        cfg.setdefault('save_dir', self._log_dir)
        with VISUALIZERS.switch_scope_and_registry(cfg.get('_scope_')) as registry:
            kind = registry.get(cfg['type']) if isinstance(cfg['type'], str) else cfg['type']
        # A name gives back the visualizer that has it already, which may write to the folder of another run.
        cfg['name'] = unused_name(kind, cfg.get('name', self._experiment_name))
        return VISUALIZERS.build(like(visualizer, cfg) if isinstance(visualizer, dict) else cfg)

    def build_log_processor(self, log_processor: LogProcessor | dict) -> LogProcessor:
        if isinstance(log_processor, LogProcessor):
            return log_processor
        return LOG_PROCESSORS.build({'type': 'LogProcessor', **log_processor})

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        return model if isinstance(model, nn.Module) else MODELS.build(model)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        return model if model is not unwrapped(model) else self.strategy.wrap(model, model_wrapper_cfg)

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """A loader from its config.

        Args:
            seed: None draws one that all ranks share.
            diff_rank_seed: says that `seed` has the rank added to it. All ranks must read in the same order.
        """
        if seed is None:
            seed = sync_random_seed()
        elif diff_rank_seed:
            seed -= get_rank()
        return build.build_dataloader(dataloader, seed)

    def build_optim_wrapper(self, optim_wrapper: Optimizer | OptimWrapper | dict) -> OptimWrapperType:
        return build.build_optimizers(optim_wrapper, self.model)

    def build_param_scheduler(self, scheduler: _ParamScheduler | dict | list) -> ParamSchedulerType:
        loop = self._train_loop
        by_epoch = isinstance(loop, EpochBasedTrainLoop)
        length = len(self.train_dataloader) if by_epoch else None
        return build.build_schedulers(scheduler, self.optim_wrapper, length, self.max_epochs)

    def scale_lr(self, optim_wrapper: OptimWrapperType, auto_scale_lr: dict | None = None) -> None:
        done = build.scale_learning_rate(optim_wrapper, auto_scale_lr, self._batch_size())
        if done:
            self.logger.info(done)

    def _batch_size(self) -> int:
        total = getattr(self.train_dataloader, 'global_batch_size', None)
        return total // self._world_size if total else (self.train_dataloader.batch_size or 1)

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        if isinstance(loop, BaseLoop):
            return loop
        cfg = dict(loop)
        by_epoch = cfg.pop('by_epoch', None)
        if 'type' in cfg:
            if by_epoch is not None:
                raise ConfigError(f'train_cfg has both type and by_epoch; `type` already decides\n  at {where(loop)}')
            return LOOPS.build(like(loop, cfg), default_args={'runner': self, 'dataloader': self._train_dataloader})
        if by_epoch is None:
            raise ConfigError(
                'train_cfg needs `type` or `by_epoch`: dict(by_epoch=True, max_epochs=…) or '
                f'dict(by_epoch=False, max_iters=…); it has {", ".join(loop) or "nothing"}\n  at {where(loop)}'
            )
        kind = EpochBasedTrainLoop if by_epoch else IterBasedTrainLoop
        return LOOPS.build(
            like(loop, {**cfg, 'type': kind}), default_args={'runner': self, 'dataloader': self._train_dataloader}
        )

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        return self._build_eval_loop(loop, ValLoop, self._val_dataloader, self._val_evaluator)

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        return self._build_eval_loop(loop, TestLoop, self._test_dataloader, self._test_evaluator)

    def _build_eval_loop(self, loop: BaseLoop | dict, kind: type, dataloader: Any, evaluator: Any) -> BaseLoop:
        if isinstance(loop, BaseLoop):
            return loop
        cfg = like(loop, {'type': kind, **loop})
        return LOOPS.build(cfg, default_args={'runner': self, 'dataloader': dataloader, 'evaluator': evaluator})


def unused_name(kind: Any, name: str) -> str:
    """`name`, or the first of `name_1`, `name_2`, … that no instance of the managed class `kind` has."""
    chosen, number = name, 1
    while kind is not None and kind.check_instance_created(chosen):
        chosen, number = f'{name}_{number}', number + 1
    return chosen


def like(original: dict, changed: dict) -> dict:
    """`changed` as a copy of `original`, so that it keeps its address in the config."""
    copied = copy.copy(original)
    for key in [k for k in copied if k not in changed]:
        del copied[key]
    copied.update(changed)
    return copied
