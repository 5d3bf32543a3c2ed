"""LEVIR-CD: tiles of image pairs and of what has changed."""

from __future__ import annotations

from collections.abc import Iterator

from mmengine.utils.errors import DataError

from .jobs import Content, Job, Options, Preparation, add
from .pixels import foreground, image, tiles
from .source import File, Source


def cut(file: File, folder: str, stem: str, size: int, stride: int) -> Iterator[tuple[str, Content]]:
    array = foreground(file) if folder.endswith('label') else image(file)
    for (left, top, right, bottom), tile in tiles(array, size, stride):
        yield f'{folder}/{stem}_{left}_{top}_{right}_{bottom}.png', tile


def plan(source: Source, options: Options) -> Iterator[Job]:
    files = source.need(r'(train|val|test)/(A|B|label)/([^/]+)\.png', 'train/A/*.png, train/B/*.png, train/label/*.png')
    for (split, kind, stem), file in files.items():
        for other in {'A', 'B', 'label'} - {kind}:
            if (split, other, stem) not in files:
                raise DataError(f'{file} has no counterpart {split}/{other}/{stem}.png')
        folder = f'{split}/{kind}'
        yield Job(f'{folder}/{stem}', cut, (file, folder, stem, options.size, options.stride))


add(
    Preparation(
        'levir_cd',
        'LEVIR-CD',
        'train.zip, val.zip and test.zip, or the folders train, val and test with A, B and label.',
        plan,
        tiles=(256, 256),
        expected={'train/A': 7120, 'val/A': 1024, 'test/A': 2048},
    )
)
