"""DRIVE: vessels of the retina."""

from __future__ import annotations

from collections.abc import Iterator

from .jobs import Job, Options, Preparation, add
from .pixels import as_png, binary_mask
from .source import Source

FOLDERS = {'training': 'training', 'test': 'validation'}


def plan(source: Source, options: Options) -> Iterator[Job]:
    images = source.need(r'(training|test)/images/(\d+)_(?:training|test)\.tif', 'images training/images/*.tif')
    masks = source.need(
        r'(training|test)/(?:1st|2nd)_manual/(\d+_manual[12])\.gif', 'masks training/1st_manual/*_manual1.gif'
    )
    for (split, number), file in images.items():
        target = f'images/{FOLDERS[split]}/{number}.png'
        yield Job(target, as_png, (file, target))
    for (split, name), file in masks.items():
        target = f'annotations/{FOLDERS[split]}/{name}.png'
        yield Job(target, binary_mask, (file, target))


add(
    Preparation(
        'drive',
        'DRIVE',
        'training.zip and test.zip, or the folders training and test.',
        plan,
        expected={'images/training': 20, 'images/validation': 20},
    )
)
