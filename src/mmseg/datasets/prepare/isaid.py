"""iSAID: overlapping tiles, and labels from colours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmengine.utils.errors import DataError
from mmseg.datasets.isaid import iSAIDDataset

from .jobs import Content, Job, Options, Preparation, add, copy_job
from .pixels import image, labels_of_colours, raw_mask, tiles
from .source import File, Source

COLOURS = iSAIDDataset.METAINFO['palette']
SUFFIX = '_instance_color_RGB'


def _cut(array: np.ndarray, stem: str, suffix: str, size: int, stride: int) -> Iterator[tuple[str, Content]]:
    """Tiles named by rows and columns; a smaller image is filled up with 0, which is background."""
    missing = [max(size - length, 0) for length in array.shape[:2]]
    array = np.pad(array, [(0, n) for n in missing] + [(0, 0)] * (array.ndim - 2))
    for (left, top, right, bottom), tile in tiles(array, size, stride):
        yield f'{stem}_{top}_{bottom}_{left}_{right}{suffix}.png', tile


def cut_image(file: File, stem: str, size: int, stride: int) -> Iterator[tuple[str, Content]]:
    yield from _cut(image(file), stem, '', size, stride)


def cut_mask(file: File, stem: str, size: int, stride: int) -> Iterator[tuple[str, Content]]:
    yield from _cut(labels_of_colours(raw_mask(file), COLOURS, file), stem, SUFFIX, size, stride)


def plan(source: Source, options: Options) -> Iterator[Job]:
    images = source.need(r'(train|val|test)/images/(?:.+/)?(P\d+)\.png', 'images train/images/*.png')
    masks = source.need(
        rf'(train|val)/Semantic_masks/(?:.+/)?(P\d+){SUFFIX}\.png', f'masks train/Semantic_masks/*{SUFFIX}.png'
    )
    for key, file in images.items():
        split, name = key
        target = f'img_dir/{split}/{name}'
        if split == 'test':
            yield copy_job(file, f'{target}.png')
            continue
        if key not in masks:
            raise DataError(f'{file} has no mask {split}/Semantic_masks/{name}{SUFFIX}.png')
        yield Job(target, cut_image, (file, target, options.size, options.stride))
        target = f'ann_dir/{split}/{name}'
        yield Job(target, cut_mask, (masks[key], target, options.size, options.stride))


add(
    Preparation(
        'isaid',
        'iSAID',
        'train/images and val/images with the images of DOTA-v1.0 (folders or part*.zip), train/Semantic_masks and '
        'val/Semantic_masks with the masks (folders or images.zip); test/images if wanted.',
        plan,
        tiles=(896, 512),
        expected={'img_dir/train': 33978, 'img_dir/val': 11644},
    )
)
