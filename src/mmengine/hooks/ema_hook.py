"""Keeps an average of the weights, validates with it, and saves it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmengine.checkpoint import _load_checkpoint_to_model, load_state_dict
from mmengine.checkpoint.sharded import is_dtensor
from mmengine.model.averaged_model import BaseAveragedModel
from mmengine.registry import HOOKS, MODELS
from mmengine.utils.errors import ConfigError

from .hook import DATA_BATCH, Hook
from .training_state import bare_model

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class EMAHook(Hook):
    """Averages the model over training; validation and test use the averages.

    In checkpoints `state_dict` holds the averages, so that they are what is loaded for inference, and
    `ema_state_dict` the weights that training goes on with (`module.*`) and the number of updates (`steps`).

    Args:
        ema_type: a registered averaged model: `ExponentialMovingAverage`, `MomentumAnnealingEMA`,
            `StochasticWeightAverage` or one of your own.
        strict_load: a checkpoint that does not fit exactly is an error.
        begin_iter, begin_epoch: the iteration or epoch (from 1) whose result is the first to be averaged; give one.
            Until then there are no averages, and the model itself is validated.
        kwargs: of the averaged model: `momentum`, `interval`, `update_buffers`, `device`, ...
    """

    priority = 'NORMAL'
    ema_model: BaseAveragedModel
    src_model: nn.Module

    def __init__(
        self,
        ema_type: str = 'ExponentialMovingAverage',
        strict_load: bool = False,
        begin_iter: int = 0,
        begin_epoch: int = 0,
        **kwargs: Any,
    ) -> None:
        for name, value in (('begin_iter', begin_iter), ('begin_epoch', begin_epoch)):
            if value < 0:
                raise ConfigError(f'{name} of EMAHook should not be negative, but got {value}')
        if begin_iter and begin_epoch:
            raise ConfigError(f'EMAHook takes begin_iter ({begin_iter}) or begin_epoch ({begin_epoch}), not both')
        self.strict_load = strict_load
        self.ema_cfg = {'type': ema_type, **kwargs}
        self.begin_iter = begin_iter
        self.begin_epoch = begin_epoch
        self.enabled_by_epoch = begin_epoch > 0

    def before_run(self, runner: Runner) -> None:
        model = bare_model(runner)
        if getattr(self, 'src_model', None) is model:
            return  # a test after the training of the same runner: it has averages
        self.src_model = model
        self.ema_model = MODELS.build(copy.copy(self.ema_cfg), default_args={'model': self.src_model})

    def before_train(self, runner: Runner) -> None:
        for begin, end, unit in (
            (self.begin_epoch, runner.max_epochs, 'epoch'),
            (self.begin_iter, runner.max_iters, 'iter'),
        ):
            if begin > end:
                raise ConfigError(
                    f'begin_{unit}={begin} of EMAHook lies behind the end of the training, max_{unit}s={end}: '
                    'nothing would be averaged'
                )

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict | None = None
    ) -> None:
        if self._ema_started(runner):
            self.ema_model.update_parameters(self.src_model)

    def before_val_epoch(self, runner: Runner) -> None:
        self._swap_ema_parameters()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._swap_ema_parameters()

    def before_test_epoch(self, runner: Runner) -> None:
        self._swap_ema_parameters()

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._swap_ema_parameters()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        state = checkpoint['state_dict']
        if self._has_averages():
            ema_state = {k: v if is_dtensor(v) else v.cpu() for k, v in self.ema_model.state_dict().items()}
        else:
            ema_state = {'steps': self.ema_model.steps.clone(), **{f'module.{key}': v for key, v in state.items()}}
        checkpoint['ema_state_dict'] = ema_state
        self._swap_ema_state_dict(checkpoint)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if runner._resume and 'ema_state_dict' in checkpoint:
            # The weights to train go back to `state_dict`, which the runner loads after this.
            self._swap_ema_state_dict(checkpoint)
            load_state_dict(self.ema_model, checkpoint['ema_state_dict'], strict=self.strict_load)
            return
        if runner._resume:
            runner.logger.warning('the checkpoint has no averages (ema_state_dict): EMAHook begins anew')
        elif self.strict_load:
            _load_checkpoint_to_model(self.ema_model.module, checkpoint, strict=True)
        self.ema_model.steps.zero_()  # no averages of these weights yet: the first update copies

    def _ema_started(self, runner: Runner) -> bool:
        """Whether the iteration that is ending counts."""
        done, begin = (runner.epoch, self.begin_epoch) if self.enabled_by_epoch else (runner.iter, self.begin_iter)
        return done + 1 >= begin

    def _has_averages(self) -> bool:
        return bool(self.ema_model.steps > 0)  # `steps` is on the CPU

    def _swap_ema_parameters(self) -> None:
        """Exchange the averages with the weights of the model, in place."""
        if not self._has_averages():
            return
        with torch.no_grad():
            for ours, theirs in self._pairs():
                kept = ours.clone()
                ours.copy_(theirs)
                theirs.copy_(kept)

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Tensors of the model with their averages; of tied ones the first, once."""
        seen = set()
        averages = self.ema_model.module.state_dict()
        for key, value in self.src_model.state_dict().items():
            local = value.to_local() if is_dtensor(value) else value
            place = (local.data_ptr(), value.shape, value.stride())
            if isinstance(value, Tensor) and key in averages and (value.numel() == 0 or place not in seen):
                seen.add(place)
                yield value, averages[key]

    def _swap_ema_state_dict(self, checkpoint: dict) -> None:
        """Exchange `state_dict` with the part of `ema_state_dict` under `module.`."""
        state, ema_state = checkpoint['state_dict'], checkpoint['ema_state_dict']
        for key in [k for k in ema_state if k.startswith('module.')]:
            name = key.removeprefix('module.')
            # What only one side has (a module that was added since) stays where it is.
            if name in state:
                state[name], ema_state[key] = ema_state[key], state[name]
