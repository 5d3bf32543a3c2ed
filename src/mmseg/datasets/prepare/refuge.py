"""REFUGE: optic cup and disc."""

from __future__ import annotations

from collections.abc import Iterator

from .jobs import Content, Job, Options, Preparation, add
from .pixels import as_png, grey_mask, relabelled
from .source import File, Source

LABELS = {255: 0, 0: 1, 128: 2}
FOLDERS = {'g': 'training', 'n': 'training', 'V': 'validation', 'T': 'test'}


def from_grey(file: File, target: str) -> Iterator[tuple[str, Content]]:
    yield target, relabelled(grey_mask(file), LABELS, file)


def plan(source: Source, options: Options) -> Iterator[Job]:
    images = source.need(r'([gnVT]\d{4})\.jpg', 'images g0001.jpg, n0001.jpg, V0001.jpg, T0001.jpg, …')
    masks = source.need(r'([gnVT]\d{4})\.bmp', 'masks Disc_Cup_Masks/**/g0001.bmp, …')
    for (stem,), file in images.items():
        target = f'images/{FOLDERS[stem[0]]}/{stem}.png'
        yield Job(target, as_png, (file, target))
    for (stem,), file in masks.items():
        target = f'annotations/{FOLDERS[stem[0]]}/{stem}.png'
        yield Job(target, from_grey, (file, target))


add(
    Preparation(
        'refuge',
        'REFUGE',
        'REFUGE-Training400.zip, Annotation-Training400.zip, REFUGE-Validation400.zip, REFUGE-Validation400-GT.zip, '
        'REFUGE-Test400.zip and REFUGE-Test-GT.zip, or what they hold.',
        plan,
        expected={f'{kind}/{split}': 400 for kind in ('images', 'annotations') for split in FOLDERS.values()},
    )
)
