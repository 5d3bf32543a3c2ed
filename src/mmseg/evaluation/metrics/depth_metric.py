"""Metrics of depth maps (Eigen et al., arXiv:1406.2283, section 4.2)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.utils.errors import ConfigError, DataError
from mmseg.registry import METRICS


@METRICS.register_module()
class DepthMetric(BaseMetric):
    """Errors of each depth map, averaged over the maps. Values stay on the device until the end.

    Args:
        depth_metrics: which of `METRICS`; all by default.
        min_depth_eval, max_depth_eval: true depth between these counts.
        crop_type: `'nyu_crop'`: only the part of a 480x640 image that NYU is evaluated on.
        depth_scale_factor: what predictions are multiplied by before they are written as 16 bit PNG files.
        output_dir: write predictions to this folder.
        format_only: write predictions and compute nothing.
    """

    METRICS = ('d1', 'd2', 'd3', 'abs_rel', 'sq_rel', 'rmse', 'rmse_log', 'log10', 'silog')

    def __init__(
        self,
        depth_metrics: Sequence[str] | None = None,
        min_depth_eval: float = 0.0,
        max_depth_eval: float = float('inf'),
        crop_type: str | None = None,
        depth_scale_factor: float = 1.0,
        collect_device: str = 'cpu',
        output_dir: str | None = None,
        format_only: bool = False,
        prefix: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if isinstance(depth_metrics, str):
            depth_metrics = [depth_metrics]
        self.metrics = tuple(self.METRICS if depth_metrics is None else depth_metrics)
        unknown = [name for name in self.metrics if name not in self.METRICS]
        if unknown:
            raise ConfigError(f'depth_metrics should be among {", ".join(self.METRICS)}, but got {", ".join(unknown)}.')
        if crop_type not in (None, 'nyu_crop'):
            raise ConfigError(f"crop_type should be 'nyu_crop' or None, but is {crop_type!r}.")
        if format_only and output_dir is None:
            raise ConfigError('format_only=True writes predictions to files: set output_dir.')
        self.min_depth_eval = min_depth_eval
        self.max_depth_eval = max_depth_eval
        self.crop_type = crop_type
        self.depth_scale_factor = depth_scale_factor
        self.output_dir = output_dir
        self.format_only = format_only

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Take each sample: `pred_depth_map` and `gt_depth_map` with `data` `(1, H, W)`.

        Raises:
            DataError: prediction and annotation have different sizes.
        """
        for sample in data_samples:
            pred = _plane(sample['pred_depth_map']['data'])
            if self.output_dir is not None:
                self._write(pred, sample)
            if self.format_only:
                self.results.append(None)
                continue
            truth = _plane(sample['gt_depth_map']['data']).to(pred.device, non_blocking=True)
            if truth.shape != pred.shape:
                raise DataError(
                    f'the depth map of {sample.get("img_path", "(a sample without a path)")} has the size '
                    f'{tuple(truth.shape)}, but its prediction {tuple(pred.shape)}'
                )
            self.results.append(self._calc_all_metrics(truth, pred, self._get_eval_mask(truth)))

    def _get_eval_mask(self, gt_depth: Tensor) -> Tensor:
        """Which pixels of `(H, W)` count."""
        valid = (gt_depth > self.min_depth_eval) & (gt_depth < self.max_depth_eval)
        if self.crop_type == 'nyu_crop':
            inside = torch.zeros_like(valid)
            inside[45:471, 41:601] = True
            valid &= inside
        return valid

    @staticmethod
    def _calc_all_metrics(gt_depth: Tensor, pred_depth: Tensor, valid: Tensor) -> Tensor:
        """All of `METRICS` in order, float64; NaN if no pixel counts."""
        # No pixel is selected by a mask, which would wait for the device.
        truth = gt_depth.double().where(valid, 1.0)
        pred = pred_depth.double().where(valid, 1.0)
        count = valid.sum()

        def mean(values: Tensor) -> Tensor:
            return values.double().where(valid, 0.0).sum() / count

        ratio = torch.maximum(truth / pred, pred / truth)
        difference = pred - truth
        logs = pred.log() - truth.log()
        mean_square_log = mean(logs.square())
        return torch.stack(
            [
                mean(ratio < 1.25),
                mean(ratio < 1.25**2),
                mean(ratio < 1.25**3),
                mean(difference.abs() / truth),
                mean(difference.square() / truth),
                mean(difference.square()).sqrt(),
                mean_square_log.sqrt(),
                mean((pred.log10() - truth.log10()).abs()),
                (mean_square_log - 0.5 * mean(logs).square()).sqrt(),
            ]
        )

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Means over the maps that have a pixel that counts."""
        if self.format_only:
            print_log(f'predictions are written to {self.output_dir}', 'current')
            return {}
        means = torch.stack(results).nanmean(dim=0).tolist()
        return {name: value for name, value in zip(self.METRICS, means, strict=True) if name in self.metrics}

    def _write(self, pred: Tensor, sample: dict) -> None:
        folder = Path(str(self.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        depth = (pred.float() * self.depth_scale_factor).clamp(0, 65535).round().cpu().numpy().astype(np.uint16)
        path = folder / f'{Path(sample["img_path"]).stem}.png'
        if not cv2.imwrite(str(path), depth):
            raise DataError(f'{path} could not be written.')


def _plane(data: Tensor) -> Tensor:
    """`(1, H, W)` or `(H, W)` as `(H, W)`."""
    return data.reshape(data.shape[-2:])
