"""IoU, Dice and F-score from one confusion matrix."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from mmengine.dist import all_gather_object, all_reduce, get_dist_info
from mmengine.evaluator import BaseMetric, samples_of_rank
from mmengine.logging import print_log
from mmengine.utils.errors import ConfigError, DataError
from mmseg.registry import METRICS

METRICS_OF = {
    'mIoU': ('IoU', 'Acc'),
    'mDice': ('Dice', 'Acc'),
    'mFscore': ('Fscore', 'Precision', 'Recall'),
}
_VALUES = 256  # labels 0..255 have a row of their own, so that wrong ones can be named


@METRICS.register_module()
class IoUMetric(BaseMetric):
    """Counts (label, prediction) pairs of all pixels on the device of the predictions.

    One histogram a sample, nothing read back before the end and one reduction over the ranks: memory does not grow with
    the dataset. A derived class may as well override `process` and append the four areas of `intersect_and_union` to
    `self.results`; one that overrides `compute_metrics` gets a list of such areas.

    Args:
        ignore_index: label of pixels that do not count.
        iou_metrics: 'mIoU' (IoU, Acc), 'mDice' (Dice, Acc), 'mFscore' (Fscore, Precision, Recall) of each class.
        nan_to_num: put in for classes that do not occur; without it they are left out of the means.
        beta: weight of recall against precision in the F-score.
        output_dir: write predictions to this folder as PNG files, with the labels of the files of the dataset.
        format_only: write predictions and compute nothing, for test sets without annotation.
    """

    def __init__(
        self,
        ignore_index: int = 255,
        iou_metrics: Sequence[str] = ['mIoU'],
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
        own = type(self)
        if (
            own.compute_metrics is IoUMetric.compute_metrics
            and own.total_area_to_metrics is IoUMetric.total_area_to_metrics
        ):
            _check_names(self.metrics)
        if format_only and output_dir is None:
            raise ConfigError('format_only=True writes predictions to files: set output_dir')
        self.nan_to_num = nan_to_num
        self.beta = beta
        self.output_dir = output_dir
        self.format_only = format_only
        self._reset()

    def _reset(self) -> None:
        self._table: torch.Tensor | None = None
        self._paths: list[str] = []
        self._outside: list[torch.Tensor] = []  # pixels of each sample whose label is no class, (n,) each
        self._seen = 0

    def _class_names(self) -> Sequence[str]:
        if not self.dataset_meta or 'classes' not in self.dataset_meta:
            raise ConfigError(f'{type(self).__name__} needs the classes: metric.dataset_meta = dict(classes=[...])')
        return self.dataset_meta['classes']

    # ------------------------------------------------------------------ counting

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count each sample: `pred_sem_seg` and `gt_sem_seg` with `data` `(1, H, W)`.

        Raises:
            DataError: prediction and annotation have different sizes.
        """
        for sample in data_samples:
            prediction = _plane(sample['pred_sem_seg']['data'])
            if self.output_dir is not None:
                self._write(prediction, sample)
            self._seen += 1
            if self.format_only or self._is_padding():
                continue
            label = _plane(sample['gt_sem_seg']['data'])
            if label.shape != prediction.shape:
                raise DataError(
                    f'the annotation of {_path(sample)} has the size {tuple(label.shape)}, '
                    f'but its prediction {tuple(prediction.shape)}'
                )
            self._count(prediction.long(), label.to(prediction.device, torch.int64, non_blocking=True))
            self._paths.append(_path(sample))

    def _is_padding(self) -> bool:
        return self.dataset_size is not None and self._seen > samples_of_rank(self.dataset_size, *get_dist_info())

    def _count(self, prediction: torch.Tensor, label: torch.Tensor) -> None:
        """Add the pixels of a sample.

        The rows of the table are the labels 0..255 (or more, if there are more classes), any other label, and ignored
        pixels; the columns are the classes and any other prediction. So each pixel has a cell, and nothing has to be
        selected by a mask, which would wait for the device.
        """
        classes = len(self._class_names())
        values = max(classes, _VALUES)
        row = label.where((label >= 0) & (label < values), values).where(label != self.ignore_index, values + 1)
        column = prediction.where((prediction >= 0) & (prediction < classes), classes)
        shape = (values + 2, classes + 1)
        counts = _histogram((row * shape[1] + column).flatten(), shape[0] * shape[1]).view(shape)
        self._table = counts if self._table is None else self._table.add_(counts)
        self._outside.append(counts[classes : values + 1].sum().view(1))
        if len(self._outside) == 1024:
            self._outside = [torch.cat(self._outside)]

    @property
    def confusion_matrix(self) -> torch.Tensor | None:
        """Pixels `(num_classes, num_classes)` int64 of this rank so far, label by prediction; None before the first."""
        return None if self._table is None else self._table[: self._table.shape[1] - 1, :-1]

    # ------------------------------------------------------------------ results

    def gather_results(self, size: int) -> list | None:
        """The areas over all ranks, as a list of one; or what a derived class collected in `self.results`."""
        if self.format_only:
            self._reset()
            return []
        used = torch.tensor([bool(self.results), self._table is not None], dtype=torch.int64)
        all_reduce(used, 'max')
        collected, counted = used.tolist()
        if collected or not counted:
            self._reset()
            return super().gather_results(size)
        classes = len(self._class_names())
        table = self._table
        if table is None:  # this rank had no sample
            table = torch.zeros(max(classes, _VALUES) + 2, classes + 1, dtype=torch.int64)
        all_reduce(table)
        table = table.cpu()
        outside, paths, seen = self._outside, self._paths, self._seen
        self._reset()
        if self.dataset_size is None and seen > samples_of_rank(size, *get_dist_info()):
            print_log(
                f'rank {get_dist_info()[0]} evaluated {seen} samples, more than its share of {size}: some count twice. '
                'A loop of your own should call evaluator.expect(len(dataset)) before the first batch.',
                'current',
                logging.WARNING,
            )
        self._check_labels(table, classes, outside, paths)
        counts = table[:classes].double()
        intersect, label = counts[:, :-1].diag(), counts.sum(1)
        predicted = counts[:, :-1].sum(0)
        return [(intersect, predicted + label - intersect, predicted, label)]

    def _check_labels(self, table: torch.Tensor, classes: int, outside: list[torch.Tensor], paths: list[str]) -> None:
        wrong = table[classes:-1].sum(1)
        if not wrong.any():
            return
        numbers = torch.cat(outside).tolist() if outside else []
        bad = [(path, number) for path, number in zip(paths, numbers, strict=True) if number]
        bad = [entry for part in all_gather_object(bad) for entry in part]
        found = [
            f'{classes + place if classes + place < len(table) - 2 else "other"} ({count} pixels)'
            for place, count in enumerate(wrong.tolist())
            if count
        ]
        images = '\n'.join(f'  {path}: {number} pixels' for path, number in bad[:5])
        raise DataError(
            f'the annotations hold labels that are neither one of the {classes} classes (0..{classes - 1}) nor the '
            f'ignore_index {self.ignore_index}: {", ".join(found)}, in {len(bad)} images:\n{images}'
            + (f'\n  and {len(bad) - 5} more' if len(bad) > 5 else '')
            + '\nIs reduce_zero_label of the dataset right, and do its classes fit the files?'
        )

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Means over the classes in percent: `aAcc` over all pixels, `mIoU`, `mAcc`, ...

        Args:
            results: areas as `intersect_and_union` gives them, of a sample or of many.
        """
        if self.format_only:
            print_log(f'predictions are written to {self.output_dir}', 'current')
            return {}
        intersect, union, predicted, label = (sum(parts) for parts in zip(*results, strict=True))
        by_class = self.total_area_to_metrics(
            intersect, union, predicted, label, self.metrics, self.nan_to_num, self.beta
        )
        summary = {
            name if name == 'aAcc' else f'm{name}': round(_mean(np.asarray(value)) * 100, 2)
            for name, value in by_class.items()
        }
        by_class.pop('aAcc', None)
        print_log(f'per class results:\n{_table(self._class_names(), by_class)}', 'current')
        return summary

    def _write(self, prediction: torch.Tensor, sample: dict) -> None:
        folder = Path(str(self.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        mask = prediction.cpu().numpy()
        if sample.get('reduce_zero_label', False):
            mask = mask + 1  # the loader of annotations took one off
        few = mask.max(initial=0) < 256
        Image.fromarray(mask.astype(np.uint8 if few else np.uint16)).save(
            folder / f'{Path(sample["img_path"]).stem}.png'
        )

    # ------------------------------------------------------------------ formulas

    @staticmethod
    def intersect_and_union(
        pred_label: torch.Tensor, label: torch.Tensor, num_classes: int, ignore_index: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Areas `(num_classes,)` of intersection, union, prediction and label for `(H, W)` labels, on the CPU."""
        counted = label != ignore_index
        pred_label, label = pred_label[counted].cpu(), label[counted].cpu()

        def area(values: torch.Tensor) -> torch.Tensor:
            inside = values[(values >= 0) & (values < num_classes)]
            return torch.bincount(inside.long(), minlength=num_classes).float()

        intersect, predicted, truth = area(pred_label[pred_label == label]), area(pred_label), area(label)
        return intersect, predicted + truth - intersect, predicted, truth

    @staticmethod
    def total_area_to_metrics(
        total_area_intersect: torch.Tensor,
        total_area_union: torch.Tensor,
        total_area_pred_label: torch.Tensor,
        total_area_label: torch.Tensor,
        metrics: Sequence[str] = ['mIoU'],
        nan_to_num: int | None = None,
        beta: int = 1,
    ) -> dict[str, np.ndarray]:
        """`aAcc ()` and the metrics of each class `(num_classes,)` in 0..1; NaN where a class does not occur."""
        _check_names(metrics)
        areas = (total_area_intersect, total_area_union, total_area_pred_label, total_area_label)
        hit, union, pred, label = (torch.as_tensor(area).double().cpu() for area in areas)
        precision, recall = hit / pred, hit / label
        weight = beta**2
        formulas = {
            'IoU': hit / union,
            'Acc': recall,
            'Dice': 2 * hit / (pred + label),
            'Fscore': (1 + weight) * precision * recall / (weight * precision + recall),
            'Precision': precision,
            'Recall': recall,
        }
        found = {'aAcc': hit.sum() / label.sum()}
        found |= {name: formulas[name] for metric in metrics for name in METRICS_OF[metric]}
        arrays = {name: value.numpy() for name, value in found.items()}
        if nan_to_num is not None:
            arrays = {name: np.nan_to_num(value, nan=nan_to_num) for name, value in arrays.items()}
        return arrays


def _check_names(metrics: Sequence[str]) -> None:
    unknown = [metric for metric in metrics if metric not in METRICS_OF]
    if unknown:
        raise ConfigError(
            f'iou_metrics should be among {", ".join(METRICS_OF)}, but got {", ".join(map(str, unknown))}'
        )


def _plane(data: torch.Tensor) -> torch.Tensor:
    """`(1, H, W)` or `(H, W)` as `(H, W)`."""
    return data.reshape(data.shape[-2:])


def _path(sample: dict) -> str:
    return str(sample.get('seg_map_path') or sample.get('img_path', '(a sample without a path)'))


def _histogram(values: torch.Tensor, bins: int) -> torch.Tensor:
    """How often each of 0..bins-1 occurs in `values (N,)` int64."""
    if values.device.type == 'cpu':
        return torch.bincount(values, minlength=bins)
    # bincount reads the largest value back to learn the size of its result.
    return torch.zeros(bins, dtype=torch.int64, device=values.device).scatter_add_(0, values, torch.ones_like(values))


def _mean(values: np.ndarray) -> float:
    """The mean without NaN; NaN if nothing else is there."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float('nan')


def _table(names: Sequence[str], by_class: dict[str, np.ndarray]) -> str:
    """Percentages in aligned columns."""
    rows = [['class', *by_class]]
    rows += [[str(name), *(f'{v[n] * 100:.2f}' for v in by_class.values())] for n, name in enumerate(names)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ['  '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return '\n'.join([lines[0], '-' * len(lines[0]), *lines[1:]])


__all__ = ['IoUMetric']
