"""STARE: vessels of the retina. The first 10 images are for training."""

from __future__ import annotations

from collections.abc import Iterator

from .jobs import Job, Options, Preparation, add
from .pixels import as_png, binary_mask
from .source import Source

TRAINING = 10


def plan(source: Source, options: Options) -> Iterator[Job]:
    images = source.need(r'(im\d+)\.ppm(?:\.gz)?', 'images im*.ppm.gz')
    masks = source.need(r'(im\d+)\.(ah|vk)\.ppm(?:\.gz)?', 'masks im*.ah.ppm.gz and im*.vk.ppm.gz')
    split = {stem: 'training' if i < TRAINING else 'validation' for i, (stem,) in enumerate(images)}
    for (stem,), file in images.items():
        target = f'images/{split[stem]}/{stem}.png'
        yield Job(target, as_png, (file, target))
    for (stem, who), file in masks.items():
        if stem in split:
            target = f'annotations/{split[stem]}/{stem}.{who}.png'
            yield Job(target, binary_mask, (file, target))


add(
    Preparation(
        'stare',
        'STARE',
        'stare-images.tar, labels-ah.tar and labels-vk.tar, or what they hold.',
        plan,
        expected={'images/training': 10, 'images/validation': 10},
    )
)
