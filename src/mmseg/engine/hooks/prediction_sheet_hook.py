"""One picture at the end of a training: images, predictions and truth side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch

import mmcv
from mmengine.hooks import Hook
from mmengine.strategies import unwrapped
from mmseg.registry import HOOKS
from mmseg.visualization import SegLocalVisualizer

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class PredictionSheetHook(Hook):
    """After training, writes `out_file` to the work dir: a row for each of the first samples of the validation set,
    with the image, the prediction and the truth.

    Args:
        num_samples: rows.
        out_file: name of the picture.
    """

    priority = 'LOWEST'

    def __init__(self, num_samples: int = 6, out_file: str = 'predictions.png') -> None:
        self.num_samples = num_samples
        self.out_file = out_file

    def after_train(self, runner: Runner) -> None:
        if runner.rank != 0 or runner.val_loop is None:
            return
        model: Any = unwrapped(runner.model)
        model.eval()
        dataset = runner.val_dataloader.dataset
        meta = dataset.metainfo  # type: ignore[attr-defined]
        painter = SegLocalVisualizer(alpha=1.0)
        rows: list[np.ndarray] = []
        for index in range(min(self.num_samples, len(dataset))):  # type: ignore[arg-type]
            data = dataset[index]
            with torch.no_grad():
                sample = model.test_step({key: [value] for key, value in data.items()})[0]
            image = mmcv.imread(sample.img_path, channel_order='rgb')
            tiles = [image]
            for part in (sample.pred_sem_seg, sample.gt_sem_seg):
                tiles.append(painter._draw_sem_seg(image, part, meta['classes'], meta['palette'], with_labels=False))
            rows.append(np.concatenate([_framed(t) for t in tiles], axis=1))
        width = max(row.shape[1] for row in rows)
        padded = [np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), constant_values=255) for r in rows]
        path = Path(runner.work_dir, self.out_file)
        cv2.imwrite(str(path), cv2.cvtColor(np.concatenate(padded), cv2.COLOR_RGB2BGR))
        runner.logger.info(f'image, prediction and truth of {len(rows)} validation samples: {path}')


def _framed(tile: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(tile, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
