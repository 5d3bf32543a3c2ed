"""Potsdam and Vaihingen: tiles, and labels from colours. Label 0, the boundary between objects, is to be ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mmengine.utils.errors import DataError
from mmseg.datasets.potsdam import PotsdamDataset

from .jobs import Content, Job, Options, Preparation, add
from .pixels import image, labels_of_colours, raw_mask, tiles
from .source import File, Source

COLOURS = [[0, 0, 0], *PotsdamDataset.METAINFO['palette']]
POTSDAM_VAL = (
    '2_13', '2_14', '3_13', '3_14', '4_13', '4_14', '4_15', '5_13', '5_14', '5_15', '6_13', '6_14', '6_15', '7_13',
)  # fmt: skip
VAIHINGEN_TRAIN = ('1', '3', '5', '7', '11', '13', '15', '17', '21', '23', '26', '28', '30', '32', '34', '37')


def cut_image(file: File, folder: str, name: str, size: int, stride: int) -> Iterator[tuple[str, Content]]:
    for (left, top, right, bottom), tile in tiles(image(file), size, stride):
        yield f'{folder}/{name}_{left}_{top}_{right}_{bottom}.png', tile


def cut_mask(file: File, folder: str, name: str, size: int, stride: int) -> Iterator[tuple[str, Content]]:
    # Some published masks have a few pixels of other colours; they count as boundary.
    labels = labels_of_colours(raw_mask(file), COLOURS, file)
    for (left, top, right, bottom), tile in tiles(labels, size, stride):
        yield f'{folder}/{name}_{left}_{top}_{right}_{bottom}.png', tile


def _cut(
    images: Mapping[tuple[str, ...], File], masks: Mapping[tuple[str, ...], File], options: Options, kind: str
) -> Iterator[Job]:
    for key, file in masks.items():
        if key not in images:
            raise DataError(f'{file} has no image')
        if kind == 'potsdam':
            name, split = key[0], 'val' if key[0] in POTSDAM_VAL else 'train'
        else:
            name, split = f'area{key[0]}', 'train' if key[0] in VAIHINGEN_TRAIN else 'val'
        for folder, make, each in (('img_dir', cut_image, images[key]), ('ann_dir', cut_mask, file)):
            target = f'{folder}/{split}'
            yield Job(f'{target}/{name}', make, (each, target, name, options.size, options.stride))


def plan_potsdam(source: Source, options: Options) -> Iterator[Job]:
    images = source.need(r'top_potsdam_(\d+_\d+)_RGB\.tif', 'images 2_Ortho_RGB/top_potsdam_*_RGB.tif')
    masks = source.need(r'top_potsdam_(\d+_\d+)_label_noBoundary\.tif', 'masks top_potsdam_*_label_noBoundary.tif')
    yield from _cut(images, masks, options, 'potsdam')


def plan_vaihingen(source: Source, options: Options) -> Iterator[Job]:
    images = source.need(r'top/top_mosaic_09cm_area(\d+)\.tif', 'images top/top_mosaic_09cm_area*.tif')
    masks = source.need(r'top_mosaic_09cm_area(\d+)_noBoundary\.tif', 'masks top_mosaic_09cm_area*_noBoundary.tif')
    yield from _cut(images, masks, options, 'vaihingen')


add(
    Preparation(
        'potsdam',
        'ISPRS Potsdam',
        '2_Ortho_RGB.zip and 5_Labels_all_noBoundary.zip (both inside of Potsdam.zip), or their folders.',
        plan_potsdam,
        tiles=(512, 512),
        expected={'img_dir/train': 3456, 'img_dir/val': 2016},
    )
)
add(
    Preparation(
        'vaihingen',
        'ISPRS Vaihingen',
        'ISPRS_semantic_labeling_Vaihingen.zip and '
        'ISPRS_semantic_labeling_Vaihingen_ground_truth_eroded_COMPLETE.zip, or their '
        'folders.',
        plan_vaihingen,
        tiles=(512, 512),
        expected={'img_dir/train': 344, 'img_dir/val': 398},
    )
)
