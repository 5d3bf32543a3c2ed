"""Cityscapes: train ids from polygons."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from mmengine.utils.errors import DataError
from mmseg.datasets.cityscapes import CityscapesDataset

from .jobs import Content, Job, Options, Preparation, add, copy_job, list_job
from .pixels import IGNORED, grey_mask, relabelled
from .source import File, Source

TRAIN_IDS = {name: label for label, name in enumerate(CityscapesDataset.METAINFO['classes'])}
# Labels that are annotated, but no classes.
OTHERS = (
    'unlabeled', 'ego vehicle', 'rectification border', 'out of roi', 'static', 'dynamic', 'ground', 'parking',
    'rail track', 'guard rail', 'bridge', 'tunnel', 'polegroup', 'caravan', 'trailer',
)  # fmt: skip
NOT_DRAWN = ('license plate',)
# Of the ids 0 to 33 in `labelIds` those of the classes, in their order; 255 is the license plate, id -1.
IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
TRAIN_ID_OF_ID = {id_: IDS.index(id_) if id_ in IDS else IGNORED for id_ in (*range(34), 255)}


def from_polygons(file: File, target: str) -> Iterator[tuple[str, Content]]:
    """Paint the polygons in their order.

    Raises:
        DataError: the file is no such description, or has an unknown label.
    """
    try:
        described = json.loads(file.read())
        mask = Image.new('L', (described['imgWidth'], described['imgHeight']), IGNORED)
        draw = ImageDraw.Draw(mask)
        for part in described['objects']:
            label = part['label']
            if not part.get('deleted') and label not in NOT_DRAWN:
                draw.polygon([tuple(point) for point in part['polygon']], fill=_train_id(label, file))
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f'{file} does not describe polygons: {error!r}') from error
    yield target, np.array(mask)


def _train_id(label: str, file: File) -> int:
    for name in (label, label.removesuffix('group')):
        if name in TRAIN_IDS:
            return TRAIN_IDS[name]
        if name in OTHERS:
            return IGNORED
    raise DataError(f'{file} has the label {label!r}, which Cityscapes does not have')


def from_ids(file: File, target: str) -> Iterator[tuple[str, Content]]:
    """Train ids from ids."""
    yield target, relabelled(grey_mask(file), TRAIN_ID_OF_ID, file)


def plan(source: Source, options: Options) -> Iterator[Job]:
    name = r'gtFine/(train|val|test)/([^/]+)/([^/]+)_gtFine_{}'
    polygons = source.find(name.format(r'polygons\.json'))
    ids = source.find(name.format(r'labelIds\.png'))
    annotated = polygons or source.need(name.format(r'labelIds\.png'), 'gtFine/*/*/*_gtFine_polygons.json')
    images = source.need(r'leftImg8bit/(train|val|test)/([^/]+)/([^/]+)_leftImg8bit\.png', 'leftImg8bit/*/*/*.png')
    for key in sorted(polygons.keys() | ids.keys()):
        split, city, stem = key
        target = f'gtFine/{split}/{city}/{stem}_gtFine_labelTrainIds.png'
        if key in polygons:
            yield Job(target, from_polygons, (polygons[key], target))
        else:
            yield Job(target, from_ids, (ids[key], target))
    for (split, city, stem), file in images.items():
        yield copy_job(file, f'leftImg8bit/{split}/{city}/{stem}_leftImg8bit.png')
    for split in sorted({key[0] for key in annotated}):
        names = [f'{city}/{stem}' for s, city, stem in sorted(polygons.keys() | ids.keys()) if s == split]
        yield list_job(f'{split}.txt', names)


add(
    Preparation(
        'cityscapes',
        'Cityscapes',
        'leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip, or the folders leftImg8bit and gtFine. '
        'The target may '
        'be the source; only label maps are added then.',
        plan,
    )
)
