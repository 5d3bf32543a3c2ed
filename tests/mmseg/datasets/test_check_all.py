"""Checks of whole data sets."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmengine.dataset import ConcatDataset
from mmengine.utils.errors import DataError
from mmseg.datasets import BaseCDDataset, BaseSegDataset, NYUDataset
from mmseg.datasets.check import check_samples
from mmseg.datasets.check_all import channels_wanted, check_channels, check_dataset, check_shared_images
from mmseg.visualization.class_histogram import draw_histogram

PIPELINE = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}]


def dataset(folder: Path, classes: str = 'vwxyz', **kwargs: object) -> BaseSegDataset:
    given = {'data_prefix': {'img_path': 'img', 'seg_map_path': 'ann'}, 'pipeline': PIPELINE, **kwargs}
    return BaseSegDataset(data_root=str(folder), metainfo={'classes': tuple(classes)}, **given)


def write_mask(folder: Path, name: str, mask: np.ndarray) -> None:
    cv2.imwrite(str(folder / 'ann' / f'{name}.png'), mask)


def all_masks(folder: Path, mask: np.ndarray) -> None:
    for name in ('a', 'b', 'sub/c'):
        write_mask(folder, name, mask)


def test_good_data(folder: Path) -> None:
    seen = []
    (report,) = check_dataset(dataset(folder), 'train', jobs=2, progress=seen.append)
    assert report.name == 'train BaseSegDataset' and (report.total, report.checked) == (3, 3) and sum(seen) == 3
    assert not report.problems and not report.warnings
    assert report.channels == {3: 3} and report.pixels[255] == 3 * 240
    assert sum(report.shares) == pytest.approx(1) and report.ignored == pytest.approx(0.1)
    assert report.as_dict()['pixels']['255'] == 720


def test_all_problems_are_found(folder: Path) -> None:
    (folder / 'img/a.jpg').write_bytes(b'')
    write_mask(folder, 'b', np.zeros((30, 60), np.uint8))
    write_mask(folder, 'sub/c', np.full((40, 60), 7, np.uint8))
    (report,) = check_dataset(dataset(folder), 'train')
    assert len(report.problems) == 3 and report.checked == 3
    text = '\n'.join(report.problems)
    assert 'a.jpg: it is empty' in text and 'b.png is 60 x 30' in text and 'c.png has labels outside' in text


def test_number_and_wrappers(folder: Path) -> None:
    reports = check_dataset(ConcatDataset([dataset(folder), dataset(folder)]), 'train', number=2)
    assert [r.checked for r in reports] == [2, 2]


def test_palette_masks_are_recognised(folder: Path) -> None:
    indices = np.random.default_rng(0).integers(0, 5, (40, 60), dtype=np.uint8)
    image = Image.fromarray(indices).convert('P')
    image.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0, 0, 0, 200, 9, 9, 9])
    for name in ('a', 'b', 'sub/c'):
        image.save(folder / 'ann' / f'{name}.png')
    assert not check_dataset(dataset(folder), 'train')[0].problems
    by_cv2 = [PIPELINE[0], {'type': 'LoadAnnotations', 'imdecode_backend': 'cv2'}]
    (report,) = check_dataset(dataset(folder, pipeline=by_cv2), 'train')
    assert len(report.problems) == 3 and "imdecode_backend='pillow'" in report.problems[0]


def test_colours_of_the_palette_are_recognised(folder: Path) -> None:
    palette = np.array([[10, 20, 30], [200, 0, 0], [0, 200, 0], [0, 0, 200], [9, 9, 9]], np.uint8)
    all_masks(folder, palette[np.random.default_rng(0).integers(0, 5, (40, 60))][..., ::-1])
    data = dataset(folder)
    data._metainfo['palette'] = palette.tolist()
    assert 'labels_of_colours' in check_dataset(data, 'train')[0].problems[0]
    data._metainfo['palette'] = palette[1:].tolist()
    assert '1 of its 5 colours are none of the palette: #0a141e' in check_dataset(data, 'train')[0].problems[0]


@pytest.mark.parametrize(
    ('labels', 'options', 'words'),
    [
        ([1, 2, 3, 4], {}, 'label 0, the class .v., never occurs.*reduce_zero_label=True'),
        ([0, 1, 2, 3, 4], {'reduce_zero_label': True}, 'last class .z. never occurs.*should be False'),
        ([0, 1], {}, "3 of 5 classes never occur: 'x', 'y', 'z'"),
        ([0, 1, 2, 3, 4], {'ignore_index': 0}, "ignore_index=0 is the class 'v'"),
    ],
)
def test_suspicions(folder: Path, labels: list[int], options: dict, words: str) -> None:
    all_masks(folder, np.resize(np.array(labels, np.uint8), (40, 60)))
    (report,) = check_dataset(dataset(folder, **options), 'train')
    assert not report.problems
    (warning,) = report.warnings

    assert re.search(words, warning), warning


def test_mostly_ignored(folder: Path) -> None:
    mask = np.full((40, 60), 255, np.uint8)
    mask[0, :5] = range(5)
    all_masks(folder, mask)
    assert check_dataset(dataset(folder), 'train')[0].warnings == ['99.8% of the pixels are ignored']


def test_another_ignore_index(folder: Path) -> None:
    (report,) = check_dataset(dataset(folder, ignore_index=254), 'train')
    assert 'set `ignore_index=255`' in report.problems[0]


def test_channels_against_the_model(folder: Path) -> None:
    cv2.imwrite(str(folder / 'img/a.png'), np.zeros((40, 60, 4), np.uint8))
    (folder / 'img/a.png').rename(folder / 'img/a.jpg')
    (report,) = check_dataset(
        dataset(folder, pipeline=[{'type': 'LoadImageFromFile', 'color_type': 'unchanged'}, PIPELINE[1]]), 'train'
    )
    assert report.channels == {3: 2, 4: 1} and 'differ in their number of channels' in report.warnings[0]
    check_channels([report], channels_wanted({'data_preprocessor': {'mean': [0, 0, 0]}}))
    assert report.problems == ['images have 4 channels, but model.data_preprocessor has mean and std for 3']
    assert channels_wanted({'data_preprocessor': {'mean': [0]}}) is None and channels_wanted(None) is None


def test_images_in_two_sets(folder: Path) -> None:
    found = check_shared_images({'train': dataset(folder), 'val': dataset(folder, ann_file='split.txt')})
    assert len(found) == 1 and found[0].startswith('2 of 2 images of val are in train as well')
    assert check_shared_images({'train': dataset(folder)}) == []


def test_test_data_without_masks(folder: Path) -> None:
    for path in (folder / 'ann').rglob('*.png'):
        path.unlink()
    (report,) = check_dataset(dataset(folder, pipeline=PIPELINE[:1], test_mode=True), 'test')
    assert not report.problems and not report.pixels


def test_change_detection(folder: Path) -> None:
    data = BaseCDDataset(
        data_root=str(folder),
        data_prefix={'img_path': 'img', 'img_path2': 'img2', 'seg_map_path': 'ann'},
        metainfo={'classes': tuple('vwxyz')},
        pipeline=[{'type': 'LoadMultipleRSImageFromFile'}, {'type': 'LoadAnnotations'}],
    )
    for name, size in (('a', 40), ('b', 40), ('sub/c', 20)):
        (folder / 'img2' / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / 'img2' / f'{name}.jpg'), np.zeros((size, 60, 3), np.uint8))
    (report,) = check_dataset(data, 'train')
    assert len(report.problems) == 1 and 'c.jpg differ in shape' in report.problems[0]


def test_depth(tmp_path: Path) -> None:
    for folder in ('images', 'annotations'):
        (tmp_path / folder).mkdir()
    for number, depth in ((1, np.full((4, 5), 900)), (2, np.zeros((4, 5))), (3, np.ones((5, 5)))):
        cv2.imwrite(str(tmp_path / f'images/office_0001_0000{number}.jpg'), np.zeros((4, 5, 3), np.uint8))
        cv2.imwrite(str(tmp_path / f'annotations/office_0001_0000{number}.png'), depth.astype(np.uint16))
    data = NYUDataset(data_root=str(tmp_path), pipeline=[PIPELINE[0], {'type': 'LoadDepthAnnotation'}])
    (report,) = check_dataset(data, 'train')
    assert len(report.problems) == 2 and not report.classes
    assert 'none above 0' in report.problems[0] and 'depth map' in report.problems[1]


def test_sample_before_training_takes_no_longer_than_asked(folder: Path) -> None:
    assert check_samples(dataset(folder), seconds=-1.0).checked == 0
    assert check_samples(dataset(folder), seconds=60.0).checked == 3


def test_errors_of_a_sample_name_the_file(folder: Path) -> None:
    write_mask(folder, 'a', np.full((40, 60), 9, np.uint8))
    with pytest.raises(DataError, match=r'a\.png has labels outside'):
        check_samples(dataset(folder))


def test_histogram_shows_shares() -> None:
    palette = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    picture = draw_histogram('title', ['much', 'little', 'never'], [0.9, 0.0001, 0.0], palette)
    pixels = picture.reshape(-1, 3)
    red, green, blue = ((pixels == colour).all(axis=1).sum() for colour in palette)
    assert red > 2 * green > 4 * blue > 0
    assert picture.shape[2] == 3 and picture.dtype == np.uint8
