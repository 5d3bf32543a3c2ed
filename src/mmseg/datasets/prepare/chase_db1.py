"""CHASE_DB1: vessels of the retina. The first 10 children, both eyes, are for training."""

from __future__ import annotations

from collections.abc import Iterator

from .jobs import Job, Options, Preparation, add
from .pixels import as_png, binary_mask
from .source import Source

TRAINING = 20


def plan(source: Source, options: Options) -> Iterator[Job]:
    images = source.need(r'(Image_\d+[LR])\.jpg', 'images Image_*.jpg')
    masks = source.need(r'(Image_\d+[LR])_(1st|2nd)HO\.png', 'masks Image_*_1stHO.png')
    split = {stem: 'training' if i < TRAINING else 'validation' for i, (stem,) in enumerate(images)}
    for (stem,), file in images.items():
        target = f'images/{split[stem]}/{stem}.png'
        yield Job(target, as_png, (file, target))
    for (stem, who), file in masks.items():
        if stem in split:
            target = f'annotations/{split[stem]}/{stem}_{who}HO.png'
            yield Job(target, binary_mask, (file, target))


add(
    Preparation(
        'chase_db1',
        'CHASE_DB1',
        'CHASEDB1.zip, or what it holds.',
        plan,
        expected={'images/training': 20, 'images/validation': 8},
    )
)
