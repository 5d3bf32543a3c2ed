"""NYU Depth V2: images and depth in millimetres, as prepared for monocular depth estimation (Lee et al., BTS, 2019)."""

from __future__ import annotations

from collections.abc import Iterator

from mmengine.utils.errors import DataError

from .jobs import Job, Options, Preparation, add, copy_job
from .source import Source


def plan(source: Source, options: Options) -> Iterator[Job]:
    for split, folder in (('train', 'sync'), ('test', 'official_splits/test')):
        images = source.find(rf'{folder}/([a-z_]+(?:_\d+[a-z]?)?)/rgb_(\d+)\.jpg')
        depths = source.find(rf'{folder}/([a-z_]+(?:_\d+[a-z]?)?)/sync_depth_(\d+)\.png')
        if split == 'train' and not images:
            source.need(rf'{folder}/[^/]+/rgb_(\d+)\.jpg', f'images {folder}/*/rgb_*.jpg')
        for key, file in images.items():
            room, number = key
            if key not in depths:
                raise DataError(f'{file} has no depth map {folder}/{room}/sync_depth_{number}.png')
            yield copy_job(file, f'images/{split}/{room}_{number}.jpg')
            yield copy_job(depths[key], f'annotations/{split}/{room}_{number}.png')


add(
    Preparation(
        'nyu',
        'NYU Depth V2',
        'sync.zip (or the folder sync) with <room>/rgb_*.jpg and sync_depth_*.png, and official_splits/test '
        'with the same.',
        plan,
        expected={'images/train': 24231, 'images/test': 654},
    )
)
