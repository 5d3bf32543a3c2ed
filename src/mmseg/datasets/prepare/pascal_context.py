"""Pascal Context: 59 classes and background out of 459 labels (Mottaghi et al., CVPR 2014)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmengine.utils.errors import DataError

from .jobs import Content, Job, Options, Preparation, add, copy_job, list_job
from .pixels import read_mat
from .source import File, Source
from .voc12_aug import _names

# The ids of the 59 classes among the 459 labels, in alphabetical order of their names, as the classes are.
IDS = (
    2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98, 104, 105, 113, 115, 144, 158,
    159, 162, 187, 189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324, 326, 347, 349, 354, 355, 360, 366,
    368, 397, 415, 416, 420, 424, 427, 440, 445, 454, 458,
)  # fmt: skip


def from_mat(file: File, target: str) -> Iterator[tuple[str, Content]]:
    """`LabelMap` of a .mat file: background is 0, the classes 1 to 59."""
    labels = read_mat(file).get('LabelMap')
    if not isinstance(labels, np.ndarray) or labels.ndim != 2 or labels.max() > 459:
        raise DataError(f'{file} has no LabelMap (H, W) with labels up to 459')
    table = np.zeros(460, np.uint8)
    table[list(IDS)] = range(1, len(IDS) + 1)
    yield target, table[labels]


def plan(source: Source, options: Options) -> Iterator[Job]:
    mats = source.need(r'trainval/(\d{4}_\d{6})\.mat', 'annotations trainval/*.mat')
    images = source.need(r'VOC2010/JPEGImages/(\d{4}_\d{6})\.jpg', 'images VOC2010/JPEGImages/*.jpg')
    lists = source.need(
        r'VOC2010/ImageSets/Main/(train|val)\.txt', 'lists VOC2010/ImageSets/Main/train.txt and val.txt'
    )
    for (stem,), file in mats.items():
        target = f'SegmentationClassContext/{stem}.png'
        yield Job(target, from_mat, (file, target))
        if (stem,) not in images:
            raise DataError(f'{source.root} has an annotation {stem}.mat, but no image VOC2010/JPEGImages/{stem}.jpg')
        yield copy_job(images[stem,], f'JPEGImages/{stem}.jpg')
    for (split,), file in lists.items():
        names = [name for name in _names(file) if (name,) in mats]
        yield list_job(f'ImageSets/SegmentationContext/{split}.txt', names)


add(
    Preparation(
        'pascal_context',
        'Pascal Context',
        'VOCdevkit/VOC2010 (or VOCtrainval_03-May-2010.tar) and trainval.tar.gz of Pascal Context (or its '
        'folder trainval with '
        '*.mat files of 459 labels). The target is the data_root, such as data/VOCdevkit/VOC2010.',
        plan,
        expected={'SegmentationClassContext': 10103},
    )
)
