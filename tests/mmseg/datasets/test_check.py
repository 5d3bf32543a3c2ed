import cv2
import numpy as np
import pytest

from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.utils.errors import DataError
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.check import check_mask, check_samples


def dataset(folder, classes='vwxyz', **kwargs):
    return BaseSegDataset(
        data_root=str(folder),
        data_prefix={'img_path': 'img', 'seg_map_path': 'ann'},
        metainfo={'classes': tuple(classes)},
        **kwargs,
    )


def test_good_samples_are_counted(folder):
    report = check_samples(dataset(folder))
    assert report.checked == 3
    assert set(report.pixels) == {0, 1, 2, 3, 4, 255} and report.pixels[255] == 3 * 4 * 60
    assert report.absent_classes(tuple('vwxyz')) == []
    assert check_samples(dataset(folder, 'vwxyzu')).absent_classes(tuple('vwxyzu')) == ['u']
    assert check_samples(dataset(folder), limit=2).checked == 2
    nested = RepeatDataset(ConcatDataset([dataset(folder), dataset(folder)]), 3)
    assert check_samples(nested).checked == 6


def test_wrong_label_names_file_and_label(folder):
    with pytest.raises(DataError, match=r'ann/a\.png has labels outside the 3 classes 0\.\.2.*: 3 \(\d+ pixels\), 4'):
        check_samples(dataset(folder, 'xyz'))


@pytest.mark.parametrize(
    ('labels', 'num_classes', 'hint'),
    [
        ([0, 1, 2, 3], 3, 'reduce_zero_label=True'),
        ([0, 255], 2, 'divide it by 255'),
        ([0, 76, 149], 3, 'grey values'),
        (range(40), 19, 'metainfo.classes'),
    ],
)
def test_hints(labels, num_classes, hint):
    mask = np.resize(np.array(labels, np.uint8), (20, 20))
    with pytest.raises(DataError, match=hint):
        check_mask(mask, num_classes, ignore_index=254, path='m.png')


def test_int32_labels():
    mask = np.resize(np.array([0, 300], np.int32), (4, 4))
    assert check_mask(mask, 301) == {0: 8, 300: 8}
    with pytest.raises(DataError, match='300'):
        check_mask(mask, 300, path='m.png')


def test_colour_mask(folder):
    colours = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / 'ann' / 'a.png'), colours)
    with pytest.raises(DataError, match=r'a\.png has shape \(40, 60, 3\).*palette'):
        check_samples(dataset(folder))


def test_sizes_differ(folder):
    cv2.imwrite(str(folder / 'ann' / 'b.png'), np.zeros((30, 60), np.uint8))
    with pytest.raises(DataError, match=r'b\.jpg is 60 x 40, but its mask .*b\.png is 60 x 30'):
        check_samples(dataset(folder))


def test_truncated_and_broken_images(folder):
    path = folder / 'img' / 'b.jpg'
    content = path.read_bytes()
    for length in (len(content) * 2 // 3, 100, 0):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match=r'b\.jpg.*truncated|b\.jpg: it is empty'):
            check_samples(dataset(folder))


def test_all_ignored(folder):
    for name in ('a', 'b', 'sub/c'):
        cv2.imwrite(str(folder / 'ann' / f'{name}.png'), np.full((40, 60), 255, np.uint8))
    with pytest.raises(DataError, match='all labels of 3 masks are ignored'):
        check_samples(dataset(folder))
