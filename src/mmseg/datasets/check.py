"""Look at some samples before training: wrong labels and broken files fail late, or not at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmcv.image.io import read_bytes
from mmcv.transforms.loading import decode
from mmengine.utils.errors import DataError
from mmseg.datasets.transforms.crop import label_counts
from mmseg.datasets.transforms.loading import LoadAnnotations


def check_mask(mask: np.ndarray, num_classes: int, ignore_index: int = 255, path: str = '') -> dict[int, int]:
    """The number of pixels of each label that occurs.

    Raises:
        DataError: a label is neither below `num_classes` nor `ignore_index`, or the mask holds colours; names the
            file, the labels and the usual reason.
    """
    where = f'the mask {path}' if path else 'the mask'
    if mask.ndim != 2:
        raise DataError(
            f'{where} has shape {mask.shape}: it holds colours, where one class id a pixel is needed. Convert it '
            'with the palette of the dataset, or save it as a palette or grey image.'
        )
    labels, counts = label_counts(mask)
    found = {int(label): int(count) for label, count in zip(labels, counts, strict=True)}
    wrong = [label for label in found if label != ignore_index and not 0 <= label < num_classes]
    if not wrong:
        return found
    shown = ', '.join(f'{label} ({found[label]} pixels)' for label in wrong[:8]) + (', …' if len(wrong) > 8 else '')
    message = (
        f'{where} has labels outside the {num_classes} classes 0..{num_classes - 1} and the ignored {ignore_index}: '
        f'{shown}.'
    )
    if wrong == [num_classes]:
        message += (
            ' Labels seem to run from 1: if 0 means "not labelled", set `reduce_zero_label=True` in the dataset; '
            'if 0 is a class of its own, add it to `metainfo.classes`.'
        )
    elif wrong == [255] and num_classes <= 2:
        message += ' A black and white mask has 255 for class 1: divide it by 255.'
    elif len(found) <= num_classes + 1:
        message += (
            ' The labels look like grey values or original ids: map them to 0, 1, 2, … in the order of the classes.'
        )
    else:
        message += ' Check `metainfo.classes`, or map the labels that do not count to the ignored one.'
    raise DataError(message)


@dataclass
class SampleReport:
    """What `check_samples` has seen."""

    checked: int = 0
    pixels: Counter[int] = field(default_factory=Counter)

    def absent_classes(self, classes: tuple[str, ...]) -> list[str]:
        """Classes that occur in no checked mask."""
        return [name for label, name in enumerate(classes) if not self.pixels[label]]


def _leaf_datasets(dataset: Any) -> list[Any]:
    """The datasets inside wrappers such as `RepeatDataset` and `ConcatDataset`."""
    if hasattr(dataset, 'datasets'):
        return [leaf for inner in dataset.datasets for leaf in _leaf_datasets(inner)]
    return _leaf_datasets(dataset.dataset) if hasattr(dataset, 'dataset') else [dataset]


def check_samples(dataset: Any, limit: int = 8) -> SampleReport:
    """Read up to `limit` images and masks of each dataset inside `dataset`, spread evenly, and check them.

    Raises:
        DataError: a file is broken, an image and its mask differ in size, a label is outside the classes, or all
            labels are ignored; names the file.
    """
    report = SampleReport()
    for leaf in _leaf_datasets(dataset):
        leaf.full_init()
        classes = leaf.metainfo.get('classes')
        load = next((t for t in leaf.pipeline.transforms if isinstance(t, LoadAnnotations)), LoadAnnotations())
        for index in np.unique(np.linspace(0, len(leaf) - 1, min(limit, len(leaf))).astype(int)):
            info = leaf.get_data_info(int(index))
            content = read_bytes(info['img_path'], None, getattr(leaf, 'backend_args', None))
            shape = decode(info['img_path'], content, 'unchanged', 'cv2').shape[:2]
            if classes is None or 'seg_map_path' not in info:
                continue
            mask = load(info)['gt_seg_map']
            if mask.ndim == 2 and mask.shape != shape:
                raise DataError(
                    f'the image {info["img_path"]} is {shape[1]} x {shape[0]}, but its mask {info["seg_map_path"]} '
                    f'is {mask.shape[1]} x {mask.shape[0]} (width x height)'
                )
            report.pixels.update(check_mask(mask, len(classes), leaf.ignore_index, info['seg_map_path']))
            report.checked += 1
        if report.checked and not any(label != leaf.ignore_index for label in report.pixels):
            raise DataError(
                f'{type(leaf).__name__}: all labels of {report.checked} masks are ignored '
                f'({leaf.ignore_index}), the last one of {info["seg_map_path"]}'
            )
    return report
