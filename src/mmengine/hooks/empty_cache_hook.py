"""Gives unused memory of the device back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from mmengine.device import get_device
from mmengine.registry import HOOKS

from .hook import DATA_BATCH, Hook

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class EmptyCacheHook(Hook):
    """Empties the cache of the memory allocator in training, validation and test. Does nothing on the CPU.

    Args:
        before_epoch, after_epoch, after_iter: when. After each iteration it costs much time.
    """

    priority = 'NORMAL'

    def __init__(self, before_epoch: bool = False, after_epoch: bool = True, after_iter: bool = False) -> None:
        self._do_before_epoch = before_epoch
        self._do_after_epoch = after_epoch
        self._do_after_iter = after_iter

    def _before_epoch(self, runner: Runner, mode: str = 'train') -> None:
        if self._do_before_epoch:
            _empty_cache()

    def _after_epoch(self, runner: Runner, mode: str = 'train') -> None:
        if self._do_after_epoch:
            _empty_cache()

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: Sequence | dict | None = None,
        mode: str = 'train',
    ) -> None:
        if self._do_after_iter:
            _empty_cache()


def _empty_cache() -> None:
    kind = get_device()
    if kind != 'cpu':
        torch.get_device_module(kind).empty_cache()
