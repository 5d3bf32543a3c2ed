"""IoU, Dice and F-score from one confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from mmengine.dist import all_reduce, get_dist_info
from mmengine.evaluator import BaseMetric, samples_of_rank
from mmengine.logging import print_log
from mmengine.utils.errors import ConfigError, DataError
from mmseg.registry import METRICS

METRICS_OF = {
    'mIoU': ('IoU', 'Acc'),
    'mDice': ('Dice', 'Acc'),
    'mFscore': ('Fscore', 'Precision', 'Recall'),
}


@METRICS.register_module()
class IoUMetric(BaseMetric):
    """Keeps a matrix `(num_classes, num_classes)` int64, truth by prediction, on the device of the predictions.

    One `bincount` a sample, nothing read back before the end, one reduction over the ranks; memory does not grow with the
    number of samples. Samples that only pad the last batch are not counted.

    Args:
        ignore_index: label that is left out.
        iou_metrics: 'mIoU' (IoU, Acc), 'mDice' (Dice, Acc), 'mFscore' (Fscore, Precision, Recall) of each class.
        nan_to_num: put in for classes that do not occur, which are left out of means otherwise.
        beta: weight of recall in the F-score.
        output_dir: write predictions to this folder as PNG.
        format_only: write predictions and compute nothing, for test sets without truth.
    """

    def __init__(
        self,
        ignore_index: int = 255,
        iou_metrics: Sequence[str] = ('mIoU',),
        nan_to_num: int | None = None,
        beta: int = 1,
        collect_device: str = 'cpu',
        output_dir: str | None = None,
        format_only: bool = False,
        prefix: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.ignore_index = ignore_index
        self.metrics = [iou_metrics] if isinstance(iou_metrics, str) else list(iou_metrics)
        unknown = [m for m in self.metrics if m not in METRICS_OF]
        if unknown:
            raise ConfigError(f'iou_metrics should be among {", ".join(METRICS_OF)}, but got {", ".join(unknown)}')
        if format_only and output_dir is None:
            raise ConfigError('format_only writes predictions and needs output_dir')
        self.nan_to_num = nan_to_num
        self.beta = beta
        self.output_dir = output_dir
        self.format_only = format_only
        self._reset()

    def _reset(self) -> None:
        self.confusion: torch.Tensor | None = None
        self._outside: list[tuple[str, torch.Tensor]] = []  # path of a mask, number of its labels outside of the classes
        self._seen = 0

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count each sample: `pred_sem_seg` and `gt_sem_seg` with `data` `(1, H, W)`."""
        classes = len((self.dataset_meta or {})['classes'])
        for sample in data_samples:
            prediction = sample['pred_sem_seg']['data'].squeeze(0)
            if self.output_dir is not None:
                self._write(prediction, sample)
            if self.format_only or self._is_padding():
                continue
            label = sample['gt_sem_seg']['data'].squeeze(0).to(prediction)
            self._count(prediction, label, classes, sample)

    def _is_padding(self) -> bool:
        self._seen += 1
        return self.dataset_size is not None and self._seen > samples_of_rank(self.dataset_size, *get_dist_info())

    def _count(self, prediction: torch.Tensor, label: torch.Tensor, classes: int, sample: dict) -> None:
        if self.confusion is None:
            self.confusion = torch.zeros(classes, classes, dtype=torch.int64, device=prediction.device)
        ignored = label == self.ignore_index
        outside = ~ignored & ((label < 0) | (label >= classes))
        # What is not counted falls into one bin behind the matrix: no boolean indexing, which would wait for the device.
        cell = torch.where(ignored | outside, classes * classes, label.long() * classes + prediction.long())
        counts = torch.bincount(cell.flatten(), minlength=classes * classes + 1)[: classes * classes]
        self.confusion += counts.view(classes, classes)
        self._outside.append((str(sample.get('seg_map_path', sample.get('img_path', '?'))), outside.sum()))

    def _check_labels(self) -> None:
        """One transfer for all samples."""
        if not self._outside:
            return
        counts = torch.stack([count for _, count in self._outside]).tolist()
        bad = [(path, count) for (path, _), count in zip(self._outside, counts, strict=True) if count]
        self._outside.clear()
        if bad:
            classes = len((self.dataset_meta or {})['classes'])
            raise DataError(
                f'{len(bad)} mask(s) hold labels that are neither in 0..{classes - 1} nor the ignore index '
                f'{self.ignore_index}; the first: {bad[0][0]} ({bad[0][1]} pixels). Should reduce_zero_label be set, or '
                'are the masks in colour?'
            )

    def evaluate(self, size: int) -> dict:
        """The metrics over all ranks."""
        self._check_labels()
        if self.format_only:
            self._reset()
            print_log(f'predictions are in {self.output_dir}', 'current')
            return {}
        classes = len((self.dataset_meta or {})['classes'])
        confusion = self.confusion
        if confusion is None:
            confusion = torch.zeros(classes, classes, dtype=torch.int64)
        all_reduce(confusion, op='sum')
        self._reset()
        return self._prefixed(self.compute_metrics([confusion.cpu()]))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """`results`: a confusion matrix, or the areas of samples as `intersect_and_union` gives them."""
        if len(results) == 1 and isinstance(results[0], torch.Tensor):
            confusion = results[0].double()
            intersect, predicted, truth = confusion.diag(), confusion.sum(0), confusion.sum(1)
            areas = (intersect, predicted + truth - intersect, predicted, truth)
        else:
            areas = tuple(sum(parts).double() for parts in zip(*results, strict=True))  # type: ignore[union-attr,assignment]
        by_class = self.total_area_to_metrics(*areas, self.metrics, self.nan_to_num, self.beta)
        summary = {
            (k if k == 'aAcc' else f'm{k}'): round(float(np.nanmean(_known(v)) * 100), 2) for k, v in by_class.items()
        }
        by_class.pop('aAcc')
        self._log_table(by_class)
        return summary

    def _log_table(self, by_class: dict[str, np.ndarray]) -> None:
        table = Table('Class', *by_class, title='per class results')
        names = (self.dataset_meta or {})['classes']
        for number, name in enumerate(names):
            table.add_row(str(name), *(f'{v[number] * 100:.2f}' for v in by_class.values()))
        console = Console(width=100, file=None, record=False, force_terminal=False)
        with console.capture() as capture:
            console.print(table)
        print_log('\n' + capture.get().rstrip(), 'current')

    def _write(self, prediction: torch.Tensor, sample: dict) -> None:
        folder = Path(str(self.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        mask = prediction.cpu().numpy()
        if sample.get('reduce_zero_label', False):
            mask = mask + 1  # back to the labels of the files
        Image.fromarray(mask.astype(np.uint8)).save(folder / f'{Path(sample["img_path"]).stem}.png')

    # ------------------------------------------------------------------ areas, for those who call them by themselves

    @classmethod
    def intersect_and_union(
        cls, pred_label: torch.Tensor, label: torch.Tensor, num_classes: int, ignore_index: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Areas `(num_classes,)` of intersection, union, prediction and truth for `(H, W)` labels."""
        inside = label != ignore_index
        pred_label, label = pred_label[inside], label[inside]
        hits = pred_label[pred_label == label]
        intersect, predicted, truth = (
            torch.bincount(x.long().flatten(), minlength=num_classes)[:num_classes].float().cpu()
            for x in (hits, pred_label, label)
        )
        return intersect, predicted + truth - intersect, predicted, truth

    @classmethod
    def total_area_to_metrics(
        cls,
        total_area_intersect: torch.Tensor,
        total_area_union: torch.Tensor,
        total_area_pred_label: torch.Tensor,
        total_area_label: torch.Tensor,
        metrics: Sequence[str] = ('mIoU',),
        nan_to_num: int | None = None,
        beta: int = 1,
    ) -> dict[str, np.ndarray]:
        """`aAcc` and the metrics of each class in 0..1; NaN where a class does not occur."""
        inter, truth, pred = total_area_intersect, total_area_label, total_area_pred_label
        found: dict[str, torch.Tensor] = {'aAcc': inter.sum() / truth.sum()}
        for metric in metrics:
            if metric == 'mIoU':
                found['IoU'] = inter / total_area_union
                found['Acc'] = inter / truth
            elif metric == 'mDice':
                found['Dice'] = 2 * inter / (pred + truth)
                found['Acc'] = inter / truth
            elif metric == 'mFscore':
                precision, recall = inter / pred, inter / truth
                weight = beta**2
                found['Fscore'] = (1 + weight) * precision * recall / (weight * precision + recall)
                found['Precision'], found['Recall'] = precision, recall
            else:
                raise KeyError(f'metrics should be among {", ".join(METRICS_OF)}, but got {metric!r}')
        arrays = {k: v.cpu().numpy() for k, v in found.items()}
        if nan_to_num is not None:
            arrays = {k: np.nan_to_num(v, nan=nan_to_num) for k, v in arrays.items()}
        return arrays


def _known(values: np.ndarray) -> np.ndarray:
    """`values` without NaN, or one NaN, so that the mean of nothing is NaN without a warning."""
    values = np.atleast_1d(values)
    known = values[~np.isnan(values)]
    return known if known.size else np.array([np.nan])
