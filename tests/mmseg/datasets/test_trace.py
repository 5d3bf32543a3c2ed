"""Samples stage by stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.dataset.randomness import sample_randomness, seed_sample
from mmengine.utils.errors import DataError
from mmseg.datasets import BaseSegDataset, MultiImageMixDataset
from mmseg.datasets.trace import Stage, trace
from mmseg.visualization.contact_sheet import as_rgb, contact_sheet, paint

PIPELINE = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadAnnotations'},
    {'type': 'RandomCrop', 'crop_size': (20, 30)},
    {'type': 'RandomFlip', 'prob': 0.5},
    {'type': 'PackSegInputs'},
]


def dataset(folder: Path, pipeline: list = PIPELINE) -> BaseSegDataset:
    return BaseSegDataset(
        data_root=str(folder),
        data_prefix={'img_path': 'img', 'seg_map_path': 'ann'},
        metainfo={'classes': tuple('vwxyz')},
        pipeline=pipeline,
    )


def test_each_transform_is_a_stage(folder: Path) -> None:
    stages = trace(dataset(folder), 0)
    assert [s.name for s in stages] == [t['type'] for t in PIPELINE]
    assert [s.image.shape for s in stages] == [(40, 60, 3)] * 2 + [(20, 30, 3)] * 3
    assert stages[0].labels is None and all(s.labels.shape == s.image.shape[:2] for s in stages[1:])


def test_the_last_stage_is_what_training_gets(folder: Path) -> None:
    data = dataset(folder)
    for index in range(3):
        with sample_randomness():
            seed_sample(5, 2, index)
            packed = data[index]
        last = trace(data, index, seed=5, epoch=2)[-1]
        np.testing.assert_array_equal(last.image, packed['inputs'].numpy().transpose(1, 2, 0))
        np.testing.assert_array_equal(last.labels, packed['data_samples'].gt_sem_seg.data[0].numpy())


def test_wrappers(folder: Path) -> None:
    data = dataset(folder)
    nested = RepeatDataset(ConcatDataset([data, data]), 2)
    for index in (0, 4, 11):
        np.testing.assert_array_equal(trace(nested, index)[0].image, trace(data, index % 3)[0].image)


def test_mixed_samples(folder: Path) -> None:
    inner = dataset(folder, PIPELINE[:2])
    mixed = MultiImageMixDataset(inner, [{'type': 'RandomMosaic', 'prob': 1.0, 'img_scale': (40, 60)}, PIPELINE[-1]])
    stages = trace(mixed, 1, seed=3)
    assert [s.name for s in stages] == ['LoadImageFromFile', 'LoadAnnotations', 'RandomMosaic', 'PackSegInputs']
    assert stages[2].image.shape == (80, 120, 3)
    with sample_randomness():
        seed_sample(3, 0, 1)
        packed = mixed[1]
    np.testing.assert_array_equal(stages[-1].image, packed['inputs'].numpy().transpose(1, 2, 0))


def test_versions_of_test_time_augmentation(folder: Path) -> None:
    pipeline = [
        PIPELINE[0],
        {
            'type': 'TestTimeAug',
            'transforms': [
                [{'type': 'mmseg.RandomFlip', 'prob': p} for p in (0.0, 1.0)],
                [{'type': 'mmseg.PackSegInputs'}],
            ],
        },
    ]
    stages = trace(dataset(folder, pipeline), 0)
    assert [s.name for s in stages] == ['LoadImageFromFile', 'TestTimeAug 1', 'TestTimeAug 2']
    np.testing.assert_array_equal(stages[1].image[:, ::-1], stages[2].image)


def test_a_dropped_sample(folder: Path) -> None:
    with pytest.raises(DataError, match='<lambda> drops sample 2'):
        trace(dataset(folder, [lambda results: None]), 2)


@pytest.mark.parametrize(('channels', 'dtype'), [(1, 'u1'), (2, 'f4'), (3, 'u2'), (4, 'u1'), (7, 'f4')])
def test_any_image_can_be_seen(channels: int, dtype: str) -> None:
    image = (np.random.default_rng(0).random((6, 5, channels)) * (10000 if dtype == 'u2' else 1)).astype(dtype)
    shown = as_rgb(image)
    assert shown.shape == (6, 5, 3) and shown.dtype == np.uint8
    if dtype != 'u1':
        assert shown.max() > 200 and shown.min() < 50


def test_colours_are_not_swapped() -> None:
    blue = np.zeros((2, 2, 3), np.uint8)
    blue[..., 0] = 255
    assert as_rgb(blue)[0, 0].tolist() == [0, 0, 255]


def test_labels_are_painted_and_ignored_ones_hatched() -> None:
    labels = np.zeros((9, 9), np.uint8)
    labels[:, 5:] = 255
    shown = paint(Stage('x', np.zeros((9, 9, 3), np.uint8), labels), [[200, 0, 0]], 255)
    assert shown[0, 0].tolist() == [100, 0, 0]
    assert {tuple(c) for c in shown[:, 5:].reshape(-1, 3).tolist()} == {(0, 0, 0), (255, 255, 255)}
    depth = paint(Stage('x', np.zeros((9, 9, 3), np.uint8), depth=np.ones((9, 9))), [], 255)
    assert depth.shape == (9, 18, 3)


def test_sheet_holds_all_rows(folder: Path) -> None:
    rows = [trace(dataset(folder), i) for i in range(2)]
    sheet = contact_sheet(rows, ['0: a', '1: b'], list('vwxyz'), [[i * 50, 0, 0] for i in range(5)])
    assert sheet.shape[0] > 2 * 224 and sheet.shape[1] > 5 * 224 and sheet.dtype == np.uint8
