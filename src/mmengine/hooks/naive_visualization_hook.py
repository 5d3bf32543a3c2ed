"""Shows images of the test set with what was predicted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch

from mmengine.registry import HOOKS
from mmengine.utils.dl_utils import tensor2imgs

from .hook import DATA_BATCH, Hook

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class NaiveVisualizationHook(Hook):
    """Hands the samples of every `interval`-th batch of a test to the visualizer, as the model got their images.

    Args:
        interval: in batches.
        draw_gt, draw_pred: for `add_datasample` of the visualizer.
    """

    priority = 'NORMAL'

    def __init__(self, interval: int = 1, draw_gt: bool = True, draw_pred: bool = True) -> None:
        self._interval = interval
        self.draw_gt = draw_gt
        self.draw_pred = draw_pred

    def before_train(self, runner: Runner) -> None:
        runner.visualizer.add_graph(runner.model, [])

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: Sequence | None = None
    ) -> None:
        if not self.every_n_inner_iters(batch_idx, self._interval):
            return
        for index, (image, output) in enumerate(zip(_inputs(data_batch), outputs or (), strict=False)):
            meta = getattr(output, 'metainfo', {})
            name = Path(meta['img_path']).name if 'img_path' in meta else f'test_{batch_idx}_{index}'
            runner.visualizer.add_datasample(
                name, self._picture(image, meta), output, draw_gt=self.draw_gt, draw_pred=self.draw_pred
            )

    def _picture(self, image: Any, meta: dict) -> np.ndarray:
        """RGB `(H, W, 3)` uint8 of the size that the sample had in its file, of an input `(C, H, W)`."""
        image = torch.as_tensor(np.asarray(image))
        image = image[: 3 if len(image) >= 3 else 1].float()
        norm = meta.get('img_norm_cfg', {})
        picture = tensor2imgs(image[None], norm.get('mean'), norm.get('std'), to_bgr=False)[0]
        picture = np.broadcast_to(picture.clip(0, 255).astype(np.uint8), (*picture.shape[:2], 3))
        if 'img_shape' in meta:
            picture = self._unpad(picture, tuple(meta['img_shape'][:2]))
        if 'ori_shape' in meta:
            height, width = meta['ori_shape'][:2]
            picture = cv2.resize(picture, (int(width), int(height)))
        return np.ascontiguousarray(picture)

    def _unpad(self, input: np.ndarray, unpad_shape: tuple[int, ...]) -> np.ndarray:
        """Without what was padded at bottom and right."""
        return input[: unpad_shape[0], : unpad_shape[1]]


def _inputs(data_batch: Any) -> Sequence:
    """The images of a batch, collated (`dict(inputs=[...])`) or not (`[dict(inputs=...), ...]`)."""
    if isinstance(data_batch, dict):
        return data_batch['inputs']
    return [sample['inputs'] for sample in data_batch or ()]
