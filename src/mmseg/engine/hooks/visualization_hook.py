"""Draws predictions during validation and test."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import mmcv
from mmengine.hooks import Hook
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class SegVisualizationHook(Hook):
    """Args:
    draw: whether anything is drawn at all.
    interval: draw every so many samples.
    show: also open a window, for `wait_time` seconds.
    backend_args: of the file backend that images are read with.
    """

    def __init__(
        self,
        draw: bool = False,
        interval: int = 50,
        show: bool = False,
        wait_time: float = 0.0,
        backend_args: dict | None = None,
    ) -> None:
        self.interval = interval
        self.show = show
        self.wait_time = wait_time
        self.backend_args = backend_args
        self.draw = draw
        self._test_index = 0
        if show and not draw:
            warnings.warn('show=True has no effect without draw=True', stacklevel=2)

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | tuple | list | None = None,
        outputs: Sequence[SegDataSample] | dict | None = None,
        mode: str = 'val',
    ) -> None:
        if not self.draw or mode == 'train' or not isinstance(outputs, Sequence):
            return
        for number, sample in enumerate(outputs):
            self._test_index = batch_idx * len(outputs) + number
            if self._test_index % self.interval:
                continue
            image = mmcv.imread(sample.img_path, channel_order='rgb', backend_args=self.backend_args)
            step = runner.iter if mode == 'val' else self._test_index
            runner.visualizer.add_datasample(
                f'{mode}_{Path(sample.img_path).stem}',
                image,
                data_sample=sample,
                show=self.show,
                wait_time=self.wait_time,
                step=step,
            )
