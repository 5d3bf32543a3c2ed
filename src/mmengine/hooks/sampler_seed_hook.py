"""Tells samplers which epoch begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.registry import HOOKS

from .hook import Hook

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class DistSamplerSeedHook(Hook):
    """Calls `set_epoch` of the sampler, or of the batch sampler's sampler, so that each epoch has its own order."""

    priority = 'NORMAL'

    def before_train_epoch(self, runner: Runner) -> None:
        loader = runner.train_loop.dataloader
        if hasattr(getattr(loader, 'sampler', None), 'set_epoch'):
            loader.sampler.set_epoch(runner.epoch)
        elif hasattr(getattr(getattr(loader, 'batch_sampler', None), 'sampler', None), 'set_epoch'):
            loader.batch_sampler.sampler.set_epoch(runner.epoch)
