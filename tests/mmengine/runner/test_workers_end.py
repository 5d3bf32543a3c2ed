"""Workers of loaders end with the run that they worked for."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from helpers.toy import toy_runner


@pytest.mark.parametrize('by_epoch', [True, False])
def test_workers_end_with_the_training_which_can_go_on(tmp_path: Path, by_epoch: bool) -> None:
    before = set(multiprocessing.active_children())
    runner = toy_runner(tmp_path, by_epoch=by_epoch, num_workers=2, iters=5)
    runner.train()
    assert set(multiprocessing.active_children()) <= before
    assert runner.iter == 5
    assert len(list(zip(runner.train_dataloader, range(2), strict=False))) == 2  # it starts others
    runner.train_dataloader.close()
    assert set(multiprocessing.active_children()) <= before
