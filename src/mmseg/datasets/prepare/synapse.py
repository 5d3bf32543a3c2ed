"""Synapse: slices of abdominal scans, 8 organs; the split of TransUNet (Chen et al., 2021)."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from mmengine.utils.errors import DataError
from mmseg.datasets.transforms.volume_loading import decode_volume

from .jobs import Content, Job, Options, Preparation, add
from .pixels import relabelled
from .source import File, Source

# Of the 13 labels 8 count: aorta, gallbladder, left and right kidney, liver, pancreas, spleen, stomach.
ORGANS = {8: 1, 4: 2, 3: 3, 2: 4, 6: 5, 11: 6, 1: 7, 7: 8}
LABELS = {label: ORGANS.get(label, 0) for label in range(14)}
WINDOW = (-125, 275)  # Hounsfield units
VALIDATION = ('0001', '0002', '0003', '0004', '0008', '0022', '0025', '0029', '0032', '0035', '0036', '0038')


def _volume(file: File) -> np.ndarray:
    """`(X, Y, Z)`, the second axis turned round."""
    volume = decode_volume(str(file), file.read(), 'nifti')
    if volume.ndim != 3:
        raise DataError(f'{file} has shape {volume.shape}, where three axes are needed')
    return volume[:, ::-1]


def slices(file: File, target: str) -> Iterator[tuple[str, Content]]:
    low, high = WINDOW
    grey = ((np.clip(_volume(file), low, high) - low) / (high - low) * 255).astype(np.uint8)
    for i in range(grey.shape[2]):
        yield f'{target}_slice{i:03d}.jpg', cv2.cvtColor(np.ascontiguousarray(grey[..., i]), cv2.COLOR_GRAY2BGR)


def masks(file: File, target: str) -> Iterator[tuple[str, Content]]:
    labels = relabelled(_volume(file).astype(np.int64), LABELS, file)
    for i in range(labels.shape[2]):
        yield f'{target}_slice{i:03d}.png', np.ascontiguousarray(labels[..., i])


def plan(source: Source, options: Options) -> Iterator[Job]:
    images = source.need(r'img(\d{4})\.nii(?:\.gz)?', 'scans RawData/Training/img/img*.nii.gz')
    labels = source.need(r'label(\d{4})\.nii(?:\.gz)?', 'labels RawData/Training/label/label*.nii.gz')
    lists = {split: file.read().decode() for (split,), file in source.find(r'(train|val)\.txt').items()}
    for key, file in labels.items():
        number = key[0]
        if key not in images:
            raise DataError(f'{file} has no scan img{number}.nii.gz')
        split = 'val' if (number in lists['val'] if 'val' in lists else number in VALIDATION) else 'train'
        if 'train' in lists and split == 'train' and number not in lists['train']:
            continue
        for folder, make, each in (('img_dir', slices, images[key]), ('ann_dir', masks, file)):
            target = f'{folder}/{split}/case{number}'
            yield Job(target, make, (each, target))


add(
    Preparation(
        'synapse',
        'Synapse multi-organ',
        'RawData.zip, or RawData/Training with img/img*.nii.gz and label/label*.nii.gz; lists train.txt and '
        'val.txt if the split '
        'should be another than that of TransUNet.',
        plan,
        expected={'img_dir/train': 2211, 'img_dir/val': 1568},
    )
)
