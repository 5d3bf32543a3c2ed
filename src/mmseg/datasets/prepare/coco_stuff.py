"""COCO-Stuff: labels without the gaps that 11 unused ids leave."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmengine.utils.errors import DataError

from .jobs import Content, Job, Options, Preparation, add, copy_job
from .pixels import IGNORED, grey_mask, read_mat, relabelled
from .source import File, Source

UNUSED = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91)
USED = [id_ for id_ in range(1, 183) if id_ not in UNUSED]
# In 10k 0 is "unlabeled" and ignored by `reduce_zero_label`; in 164k ids are one less, and 255 is ignored.
LABELS_10K = {0: 0, **{id_: label for label, id_ in enumerate(USED, start=1)}}
LABELS_164K = {IGNORED: IGNORED, **{id_ - 1: label for label, id_ in enumerate(USED)}}


def from_mat(file: File, target: str) -> Iterator[tuple[str, Content]]:
    """`S` of a .mat file."""
    labels = read_mat(file).get('S')
    if not isinstance(labels, np.ndarray) or labels.ndim != 2:
        raise DataError(f'{file} has no label map S (H, W)')
    yield target, relabelled(labels.astype(np.int64), LABELS_10K, file)


def from_png(file: File, target: str) -> Iterator[tuple[str, Content]]:
    yield target, relabelled(grey_mask(file), LABELS_164K, file)


def plan_10k(source: Source, options: Options) -> Iterator[Job]:
    lists = source.need(r'imageLists/(train|test)\.txt', 'lists imageLists/train.txt and test.txt')
    images = source.need(r'images/(COCO_train2014_\d+)\.jpg', 'images/COCO_train2014_*.jpg')
    mats = source.need(r'annotations/(COCO_train2014_\d+)\.mat', 'annotations/COCO_train2014_*.mat')
    for (split,), file in lists.items():
        for line in file.read().decode().splitlines():
            stem = line.strip()
            if not stem:
                continue
            if (stem,) not in images or (stem,) not in mats:
                raise DataError(f'{file} lists {stem}, whose image or annotation is absent')
            yield copy_job(images[stem,], f'images/{split}2014/{stem}.jpg')
            target = f'annotations/{split}2014/{stem}_labelTrainIds.png'
            yield Job(target, from_mat, (mats[stem,], target))


def plan_164k(source: Source, options: Options) -> Iterator[Job]:
    images = source.need(r'(train|val)2017/(\d+)\.jpg', 'images train2017/*.jpg and val2017/*.jpg')
    masks = source.need(r'(train|val)2017/(\d+)\.png', 'label maps train2017/*.png and val2017/*.png')
    for key, file in masks.items():
        split, stem = key
        if key not in images:
            raise DataError(f'{file} has no image {split}2017/{stem}.jpg')
        yield copy_job(images[key], f'images/{split}2017/{stem}.jpg')
        target = f'annotations/{split}2017/{stem}_labelTrainIds.png'
        yield Job(target, from_png, (file, target))


add(
    Preparation(
        'coco_stuff10k',
        'COCO-Stuff 10k',
        'cocostuff-10k-v1.1.zip, or its folders images, annotations and imageLists.',
        plan_10k,
        expected={'annotations/train2014': 9000, 'annotations/test2014': 1000},
    )
)
add(
    Preparation(
        'coco_stuff164k',
        'COCO-Stuff 164k',
        'train2017.zip, val2017.zip and stuffthingmaps_trainval2017.zip, or their folders train2017 and '
        'val2017 (images as .jpg, '
        'label maps as .png).',
        plan_164k,
        expected={'annotations/train2017': 118287, 'annotations/val2017': 5000},
    )
)
