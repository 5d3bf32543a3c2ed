"""The measures of the Cityscapes benchmark (Cordts et al., arXiv:1604.01685, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.utils.errors import ConfigError, DataError
from mmseg.registry import METRICS
from mmseg.utils import get_classes

# Of each of the 19 classes that are evaluated: its id in the files of the dataset, and its category.
LABEL_IDS = np.array([7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33])
CATEGORIES = ('flat', 'construction', 'object', 'nature', 'sky', 'human', 'vehicle')
CATEGORY_OF = np.array([0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 5, 6, 6, 6, 6, 6, 6])
# Average pixels of an instance, by class, for those that have instances.
INSTANCE_SIZES = {
    11: 3462.4756337644,  # person
    12: 3930.4788056518,  # rider
    13: 12794.0202738185,  # car
    14: 27855.1264367816,  # truck
    15: 35732.1511111111,  # bus
    16: 67583.7075812274,  # train
    17: 6298.7200839748,  # motorcycle
    18: 4672.3249222261,  # bicycle
}
_CLASSES = len(LABEL_IDS)
_INSTANCE_BASE = 1000  # the instance files hold 1000 * label id + number; smaller values are groups


@METRICS.register_module()
class CityscapesMetric(BaseMetric):
    """IoU, and IoU weighted by instances (iIoU), of classes and of categories. Predictions are the 19 train ids.

    The numbers of the official scripts, without them: `averageScoreClasses`, `averageScoreCategories`, and, where
    `*_instanceIds.png` lies beside each annotation, `averageScoreInstClasses` and `averageScoreInstCategories`. All
    are in 0..1.

    Args:
        output_dir: folder of the predictions as PNG files, in label ids as the benchmark's server takes them.
        ignore_index: label of pixels that do not count.
        format_only: write predictions and compute nothing, for the test set. Needs `keep_results=True`.
        keep_results: write predictions.
    """

    def __init__(
        self,
        output_dir: str,
        ignore_index: int = 255,
        format_only: bool = False,
        keep_results: bool = False,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and not keep_results:
            raise ConfigError('format_only=True only writes predictions: set keep_results=True')
        self.output_dir = output_dir
        self.ignore_index = ignore_index
        self.format_only = format_only
        self.keep_results = keep_results

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Take each sample: `pred_sem_seg` and `gt_sem_seg` with `data` `(1, H, W)`, `img_path`, `seg_map_path`.

        Raises:
            DataError: prediction and annotation do not fit, or hold other labels than the train ids.
        """
        for sample in data_samples:
            pred = sample['pred_sem_seg']['data'].cpu().numpy()
            pred = pred.reshape(pred.shape[-2:])
            if pred.size and not 0 <= pred.min() <= pred.max() < _CLASSES:
                raise DataError(f'Cityscapes has the train ids 0..{_CLASSES - 1}, but {pred.max()} was predicted')
            if self.keep_results:
                self._write(pred, sample['img_path'])
            if self.format_only:
                self.results.append(None)
                continue
            if 'gt_sem_seg' not in sample:
                raise DataError(
                    f'{sample["img_path"]} has no annotation: add LoadAnnotations to the pipeline, or set '
                    'format_only=True for a test set'
                )
            truth = sample['gt_sem_seg']['data'].cpu().numpy()
            self.results.append(self._count(pred, truth.reshape(truth.shape[-2:]), sample))

    def _count(self, pred: np.ndarray, truth: np.ndarray, sample: dict) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels `(19, 19)` by label and prediction; and the weighted areas of instances, if their file is there."""
        path = str(sample.get('seg_map_path', sample['img_path']))
        if truth.shape != pred.shape:
            raise DataError(f'the annotation of {path} has the size {truth.shape}, but its prediction {pred.shape}')
        counted = truth != self.ignore_index
        labels = truth[counted].astype(np.int64)
        if labels.size and not 0 <= labels.min() <= labels.max() < _CLASSES:
            raise DataError(
                f'the annotation of {path} holds the label {labels.max()}, which is no train id (0..{_CLASSES - 1}) '
                f'nor the ignore_index {self.ignore_index}; are these the *_labelTrainIds.png files?'
            )
        pairs = np.bincount(labels * _CLASSES + pred[counted], minlength=_CLASSES**2).reshape(_CLASSES, _CLASSES)
        return pairs, self._weigh_instances(pred, path)

    @staticmethod
    def _weigh_instances(pred: np.ndarray, path: str) -> np.ndarray | None:
        """`(4, 19)` by class: found and all pixels of instances; the same where the category alone has to be right.

        Each instance weighs as much as one of average size.
        """
        file = Path(path.replace('labelTrainIds', 'instanceIds').replace('labelIds', 'instanceIds'))
        if 'instanceIds' not in file.name or not file.is_file():
            return None
        instances = np.asarray(Image.open(file))
        if instances.shape != pred.shape:
            raise DataError(f'{file} has the size {instances.shape}, but the prediction {pred.shape}')
        numbers, places = np.unique(instances, return_inverse=True)
        found = np.bincount(places.ravel() * _CLASSES + pred.ravel(), minlength=len(numbers) * _CLASSES)
        areas = np.zeros((4, _CLASSES))
        for number, predicted in zip(numbers, found.reshape(-1, _CLASSES), strict=True):
            where = np.flatnonzero(number // _INSTANCE_BASE == LABEL_IDS)
            if not where.size or (label := int(where[0])) not in INSTANCE_SIZES:
                continue
            size = predicted.sum()
            category = predicted[CATEGORY_OF[label] == CATEGORY_OF].sum()
            weight = INSTANCE_SIZES[label] / size
            areas[:, label] += weight * np.array([predicted[label], size, category, size])
        return areas

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Means over the classes and categories that occur.

        Args:
            results: a pair of areas of each sample.
        """
        if self.format_only:
            print_log(f'predictions are written to {self.output_dir}', 'current')
            return {}
        pairs = sum(pair for pair, _ in results)
        member = np.eye(len(CATEGORIES), dtype=np.int64)[CATEGORY_OF]  # (19, 7)
        by_category = member.T @ pairs @ member
        scores = {'Classes': _iou(pairs), 'Categories': _iou(by_category)}
        if all(areas is not None for _, areas in results):
            areas = sum(areas for _, areas in results)
            things = np.array(list(INSTANCE_SIZES))
            groups = np.unique(CATEGORY_OF[things])
            scores['InstClasses'] = _weighted(areas[0], areas[1], pairs)[things]
            scores['InstCategories'] = _weighted(areas[2] @ member, areas[3] @ member, by_category)[groups]
        names = (get_classes('cityscapes'), CATEGORIES)
        for title, part in zip(names, ('Classes', 'Categories'), strict=True):
            lines = [f'  {name:<14} {value * 100:6.2f}' for name, value in zip(title, scores[part], strict=True)]
            print_log('\n'.join([f'IoU of {part.lower()}', *lines]), 'current')
        return {f'averageScore{part}': _mean(values) for part, values in scores.items()}

    def _write(self, pred: np.ndarray, img_path: str) -> None:
        folder = Path(self.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(self._convert_to_label_id(pred)).save(folder / f'{Path(img_path).stem}.png')

    @staticmethod
    def _convert_to_label_id(result: np.ndarray) -> np.ndarray:
        """Train ids to the label ids of the files, uint8."""
        return LABEL_IDS.astype(np.uint8)[result]


def _iou(pairs: np.ndarray) -> np.ndarray:
    """From pixels by label and prediction; NaN where neither occurs."""
    hit = pairs.diagonal()
    return _ratio(hit, pairs.sum(0) + pairs.sum(1) - hit)


def _weighted(hit: np.ndarray, area: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Instances are weighted, wrongly predicted pixels of other things not."""
    return _ratio(hit, area + pairs.sum(0) - pairs.diagonal())


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1e-12), np.nan)


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float('nan')


__all__ = ['CityscapesMetric']
