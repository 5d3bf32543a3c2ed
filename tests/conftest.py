"""Fixtures for the whole suite."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from mmseg.datasets.builtin import shapes as builtin

SHARED = Path(__file__).resolve().parents[2] / 'shared'


@pytest.fixture(scope='session', autouse=True)
def one_thread() -> None:
    """The suite runs on few cores, often in several processes."""
    torch.set_num_threads(1)


@pytest.fixture(scope='session')
def shared() -> Path:
    """The folder of sample data and reference numbers beside the repository; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip('the folder `shared` with sample data and reference numbers is not beside the repository')
    return SHARED


@pytest.fixture(scope='session')
def shapes_master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few images of the built-in data set, with the marker of a whole one."""
    root = tmp_path_factory.mktemp('shapes')
    for split_id, split in enumerate(('train', 'val')):
        for kind in ('images', 'masks'):
            (root / kind / split).mkdir(parents=True)
        for index in range(6 if split == 'train' else 3):
            image, labels = builtin.scene((split_id, index))
            builtin._write_png(root / 'images' / split / f'{index:04d}.png', image)
            builtin._write_png(root / 'masks' / split / f'{index:04d}.png', labels)
    (root / builtin._MARKER).write_text(json.dumps(builtin._VERSION))
    return root


@pytest.fixture
def shapes(shapes_master: Path, tmp_path: Path) -> Path:
    """A copy of the small data set that a test may spoil."""
    return Path(shutil.copytree(shapes_master, tmp_path / 'shapes'))
