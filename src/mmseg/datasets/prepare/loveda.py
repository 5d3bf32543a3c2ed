"""LoveDA: urban and rural images together."""

from __future__ import annotations

from collections.abc import Iterator

from .jobs import Job, Options, Preparation, add, copy_job
from .source import Source


def plan(source: Source, options: Options) -> Iterator[Job]:
    images = source.need(r'(Train|Val|Test)/(?:Urban|Rural)/images_png/(\d+)\.png', 'Train/Urban/images_png/*.png')
    masks = source.need(r'(Train|Val)/(?:Urban|Rural)/masks_png/(\d+)\.png', 'Train/Urban/masks_png/*.png')
    for (split, number), file in images.items():
        yield copy_job(file, f'img_dir/{split.lower()}/{number}.png')
    for (split, number), file in masks.items():
        yield copy_job(file, f'ann_dir/{split.lower()}/{number}.png')


add(
    Preparation(
        'loveda',
        'LoveDA',
        'Train.zip, Val.zip and Test.zip, or the folders Train, Val and Test.',
        plan,
        expected={'img_dir/train': 2522, 'img_dir/val': 1669, 'img_dir/test': 1796},
    )
)
