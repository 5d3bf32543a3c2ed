"""Pascal VOC 2012 with the annotations of SBD (Hariharan et al., ICCV 2011)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmengine.utils.errors import DataError

from .jobs import Content, Job, Options, Preparation, add, copy_job, list_job
from .pixels import read_mat
from .source import File, Source


def from_mat(file: File, target: str) -> Iterator[tuple[str, Content]]:
    """`GTcls.Segmentation` of a .mat file."""
    structs = read_mat(file).get('GTcls')
    labels = getattr(structs.flat[0], 'Segmentation', None) if isinstance(structs, np.ndarray) else None
    if not isinstance(labels, np.ndarray) or labels.ndim != 2:
        raise DataError(f'{file} has no GTcls.Segmentation (H, W)')
    yield target, labels.astype(np.uint8)


def _names(file: File) -> list[str]:
    return [line.strip() for line in file.read().decode().splitlines() if line.strip()]


def plan(source: Source, options: Options) -> Iterator[Job]:
    lists = source.need(r'VOC2012/(ImageSets/Segmentation)/(train|val)\.txt', 'VOC2012/ImageSets/Segmentation/*.txt')
    voc = {split: _names(file) for (_, split), file in lists.items()}
    if voc.keys() != {'train', 'val'}:
        raise DataError(f'{source.root} has no list VOC2012/ImageSets/Segmentation/{["train", "val"]} of both splits')
    mats = source.need(r'dataset/cls/([^/]+)\.mat', 'annotations of SBD, dataset/cls/*.mat')
    for (stem,), file in mats.items():
        target = f'SegmentationClassAug/{stem}.png'
        yield Job(target, from_mat, (file, target))
    for folder, suffix in (('JPEGImages', 'jpg'), ('SegmentationClass', 'png')):
        for (stem,), file in source.need(rf'VOC2012/{folder}/([^/]+)\.{suffix}', f'VOC2012/{folder}').items():
            yield copy_job(file, f'{folder}/{stem}.{suffix}')
    for (_, split), file in lists.items():
        yield copy_job(file, f'ImageSets/Segmentation/{split}.txt')
    # The validation images of VOC are in SBD as well; nothing may be trained on them.
    additional = {stem for (stem,) in mats} - set(voc['val'])
    yield list_job('ImageSets/Segmentation/aug.txt', sorted(additional - set(voc['train'])))
    yield list_job('ImageSets/Segmentation/trainaug.txt', sorted(additional | set(voc['train'])))


add(
    Preparation(
        'voc12_aug',
        'Pascal VOC 2012 with SBD',
        'VOCdevkit/VOC2012 (or VOCtrainval_11-May-2012.tar) and benchmark.tgz of SBD (or its folder dataset '
        'with cls/*.mat). '
        'The target is the data_root, such as data/VOCdevkit/VOC2012.',
        plan,
    )
)
