"""Draws predictions during validation and test."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmcv
from mmengine.hooks import Hook
from mmengine.utils.errors import ConfigError
from mmengine.visualization import Visualizer
from mmseg.registry import HOOKS

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class SegVisualizationHook(Hook):
    """Hands the samples of every `interval`-th batch of validation and test to the visualizer of the run.

    Args:
        draw: without it, nothing is drawn.
        interval: in batches.
        show: open windows, too.
        wait_time: seconds that a window stays; 0: until a key is pressed.
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
        if interval < 1:
            raise ConfigError(f'interval should be at least 1, but got {interval}')
        self.interval = interval
        self.show = show
        self.wait_time = wait_time
        self.backend_args = backend_args
        self.draw = draw

    @cached_property
    def _visualizer(self) -> Visualizer:
        """The one made last, which is that of the run."""
        return Visualizer.get_current_instance()

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | tuple | list | None = None,
        outputs: Sequence | dict | None = None,
        mode: str = 'val',
    ) -> None:
        """`outputs`: samples with `img_path` and `pred_sem_seg` of the size of the image in that file."""
        if not self.draw or mode == 'train' or not self.every_n_inner_iters(batch_idx, self.interval):
            return
        for sample in outputs or ():
            options: dict[str, Any] = {'data_sample': sample, 'show': self.show, 'wait_time': self.wait_time}
            self._visualizer.add_datasample(
                f'{mode}_{Path(sample.img_path).name}',
                mmcv.imread(sample.img_path, channel_order='rgb', backend_args=self.backend_args),
                step=runner.iter,
                **options,
            )


__all__ = ['SegVisualizationHook']
