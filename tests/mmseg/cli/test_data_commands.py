"""`mmseg data` and `mmseg browse`, and the check at the start of `mmseg train`."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmseg.cli import main

CONFIG = """
default_scope = 'mmseg'
pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'),
            dict(type='RandomCrop', crop_size=(16, 16)), dict(type='PackSegInputs')]
train_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='BaseSegDataset', data_root='data', data_prefix=dict(img_path='img', seg_map_path='ann'),
                 metainfo=dict(classes=('a', 'b', 'c'), palette=[[0, 0, 0], [200, 0, 0], [0, 200, 0]]),
                 img_suffix='.png', pipeline=pipeline))
val_dataloader = dict(batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='BaseSegDataset', data_root='data', data_prefix=dict(img_path='val', seg_map_path='ann'),
                 metainfo=dict(classes=('a', 'b', 'c')), img_suffix='.png',
                 pipeline=[*pipeline[:2], dict(type='PackSegInputs')]))
test_dataloader = val_dataloader
model = dict(type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', mean=[0, 0, 0], std=[1, 1, 1], size=(16, 16)),
    backbone=dict(type='ResNet', depth=18, base_channels=2, stem_channels=2),
    decode_head=dict(type='FCNHead', in_channels=16, in_index=3, channels=4, num_convs=1, num_classes=3,
                     loss_decode=dict(type='CrossEntropyLoss')))
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1)
val_cfg, test_cfg = dict(type='ValLoop'), dict(type='TestLoop')
val_evaluator = test_evaluator = dict(type='IoUMetric')
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    for i in range(4):
        for folder in ('img', 'val', 'ann'):
            (tmp_path / f'data/{folder}').mkdir(parents=True, exist_ok=True)
            shape = (20, 24) if folder == 'ann' else (20, 24, 3)
            pixels = rng.integers(0, 3 if folder == 'ann' else 256, shape, dtype=np.uint8)
            cv2.imwrite(str(tmp_path / f'data/{folder}/{i}.png'), pixels)
    (tmp_path / 'config.py').write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path / 'config.py'


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as info:
        main(arguments)
    return int(info.value.code or 0)


def break_mask(config: Path) -> None:
    cv2.imwrite(str(config.parent / 'data/ann/0.png'), np.full((20, 24), 9, np.uint8))


def test_check_of_good_data(config: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('data', 'check', 'config.py') == 0
    text = capsys.readouterr().out
    assert 'train BaseSegDataset: 4 of 4 samples, 3 channels' in text and 'val BaseSegDataset: 4 of 4' in text
    assert 'test' not in text, 'the same data as val'
    assert cv2.imread('work_dirs/config/data_check/0_train_BaseSegDataset.png') is not None


def test_check_of_bad_data(config: Path, capsys: pytest.CaptureFixture) -> None:
    break_mask(config)
    assert run('data', 'check', 'config.py', '--phase', 'train', '--json') == 1
    found = json.loads(capsys.readouterr().out)
    (report,) = found['datasets']
    assert len(report['problems']) == 1 and 'ann/0.png' in report['problems'][0]
    assert run('data', 'check', 'config.py', '--number', '1', '--out', 'out') == 1
    assert 'error' in capsys.readouterr().out


def test_warnings_fail_only_if_strict(config: Path) -> None:
    for i in range(4):
        cv2.imwrite(f'data/ann/{i}.png', np.ones((20, 24), np.uint8))
    assert run('data', 'check', 'config.py', '--phase', 'train') == 0
    assert run('data', 'check', 'config.py', '--phase', 'train', '--strict') == 1


def test_check_names_wrong_channels(config: Path, capsys: pytest.CaptureFixture) -> None:
    options = ('model.data_preprocessor.mean=[0,0,0,0]', 'model.data_preprocessor.std=[1,1,1,1]')
    assert run('data', 'check', 'config.py', '--cfg-options', *options) == 1
    assert 'images have 3 channels' in capsys.readouterr().out


def test_check_without_data(config: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('data', 'check', 'config.py', '--cfg-options', 'train_dataloader.dataset.data_root=nowhere') == 1
    assert 'nowhere' in capsys.readouterr().err
    (config.parent / 'empty.py').write_text('a = 1')
    assert run('data', 'check', 'empty.py') == 1
    assert 'no dataset for train, val, test' in capsys.readouterr().err


def test_prepare(config: Path, capsys: pytest.CaptureFixture) -> None:
    for stem in ('g0001', 'V0001', 'T0001'):
        cv2.imwrite(f'{stem}.jpg', np.zeros((4, 5, 3), np.uint8))
        cv2.imwrite(f'{stem}.bmp', np.zeros((4, 5), np.uint8))
    assert run('data', 'prepare', 'refuge', '.', 'out', '-j', '1') == 0
    text = capsys.readouterr().out
    assert 'REFUGE is in out' in text and 'annotations/test: 1 files' in text
    assert 'warning: images/test has 1 files, where the whole data set has 400' in text
    assert run('data', 'prepare', 'refuge', '.', 'out', '-j', '1', '--verify') == 0
    assert '6 of 6 parts were there' in capsys.readouterr().out


def test_prepare_says_what_is_needed(config: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('data', 'prepare', 'ade20k') == 0
    assert 'needs no conversion' in capsys.readouterr().out
    assert run('data', 'prepare', 'drive') == 1
    assert 'SRC holds: training.zip' in capsys.readouterr().err
    assert run('data', 'prepare', 'drive', 'data', 'out') == 1
    text = capsys.readouterr().err
    assert 'has no images training/images' in text and 'training.zip and test.zip' in text
    assert run('data', 'list') == 0
    text = capsys.readouterr().out
    assert 'cityscapes: Cityscapes' in text and 'isaid' in text


def test_browse(config: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('browse', 'config.py', '--out', 'sheets', '--number', '2', '--phase', 'train', 'val') == 0
    assert 'sheets/train.png' in capsys.readouterr().out
    train, val = cv2.imread('sheets/train.png'), cv2.imread('sheets/val.png')
    assert train.shape[1] > val.shape[1], 'a stage more'
    assert run('browse', 'config.py', '--out', 'sheets', '--index', '3') == 0
    assert cv2.imread('sheets/train.png').shape[0] < train.shape[0]


def test_training_stops_at_wrong_labels(config: Path, capsys: pytest.CaptureFixture) -> None:
    break_mask(config)
    assert run('train', 'config.py', '--no-progress') == 1
    text = capsys.readouterr().err
    assert 'ann/0.png has labels outside the 3 classes' in text and 'mmseg data check CONFIG' in text
