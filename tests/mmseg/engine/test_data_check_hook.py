"""The look at the data before the first iteration."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmengine.utils.errors import DataError
from mmseg.datasets import BaseSegDataset
from mmseg.engine.hooks import DataCheckHook


def runner(folder: Path, label: int, pipeline: list, rank: int = 0) -> SimpleNamespace:
    for kind, pixels in (('img', np.zeros((8, 8, 3), np.uint8)), ('ann', np.full((8, 8), label, np.uint8))):
        (folder / kind).mkdir(exist_ok=True)
        for i in range(20):
            cv2.imwrite(str(folder / kind / f'{i}.png'), pixels)
    dataset = BaseSegDataset(
        img_suffix='.png',
        data_root=str(folder),
        data_prefix={'img_path': 'img', 'seg_map_path': 'ann'},
        metainfo={'classes': ('a', 'b')},
        pipeline=pipeline,
    )
    return SimpleNamespace(train_dataloader=SimpleNamespace(dataset=dataset), rank=rank)


LOADING = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}]


def test_good_data_passes(tmp_path: Path) -> None:
    start = time.monotonic()
    DataCheckHook().before_train(runner(tmp_path, 1, LOADING))
    assert time.monotonic() - start < 1


def test_wrong_labels_stop_the_run_on_the_first_rank(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='labels outside') as info:
        DataCheckHook().before_train(runner(tmp_path, 5, LOADING))
    assert '--no-check' in info.value.__notes__[0]
    DataCheckHook().before_train(runner(tmp_path, 5, LOADING, rank=1))


def test_transforms_of_a_project_may_mend_labels(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def mend(results: dict) -> dict:
        return results

    DataCheckHook().before_train(runner(tmp_path, 5, [*LOADING, mend]))


def test_other_datasets_are_left_alone() -> None:
    DataCheckHook().before_train(SimpleNamespace(train_dataloader=SimpleNamespace(dataset=[1, 2]), rank=0))
