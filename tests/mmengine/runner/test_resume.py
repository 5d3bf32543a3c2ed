"""A run that is resumed at any iteration ends as the one that was not interrupted, to the last bit."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.toy import ToyModel, assert_same, final_state, toy_runner

from mmengine.hooks import Hook
from mmengine.runner import utils as runner_utils
from mmengine.runner.interrupt import TrainingInterrupted


class StopAt(Hook):
    """Leaves the run as a kill would, right after the checkpoint of iteration `at` was written."""

    priority = 'LOWEST'

    def __init__(self, at: int) -> None:
        self.at = at

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if runner.iter + 1 == self.at:
            raise ZeroDivisionError('killed')


class SignalAt(Hook):
    """Sends SIGINT in iteration `at`, or in its validation, which is the stage given."""

    def __init__(self, at: int, stage: str) -> None:
        self.at, self.stage = at, stage

    def _signal(self, stage: str, done: int) -> None:
        if (stage, done) == (self.stage, self.at):
            os.kill(os.getpid(), signal.SIGINT)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._signal('train', runner.iter + 1)

    def before_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._signal('val', runner.iter)

    def after_val(self, runner: Any) -> None:
        self._signal('after val', runner.iter)


def run_whole(tmp_path: Path, **options: Any) -> tuple[dict, list]:
    runner = toy_runner(tmp_path / 'whole', **options)
    runner.train()
    return final_state(runner), runner.model.seen


@pytest.mark.parametrize('by_epoch', [False, True])
@pytest.mark.parametrize('accumulate', [1, 3])
def test_resume_at_every_iteration(tmp_path: Path, by_epoch: bool, accumulate: int) -> None:
    wrapper = {
        'type': 'OptimWrapper',
        'optimizer': {'type': 'AdamW', 'lr': 0.01},
        'accumulative_counts': accumulate,
        'clip_grad': {'max_norm': 1.0},
    }
    options = {'by_epoch': by_epoch, 'optim_wrapper': wrapper, 'iters': 15}
    expected, seen = run_whole(tmp_path, **options)
    for at in range(1, 15):
        work_dir = tmp_path / f'at{at}'
        with pytest.raises(ZeroDivisionError):
            toy_runner(work_dir, **options, custom_hooks=[*_counting(), StopAt(at)]).train()
        resumed = toy_runner(work_dir, **options, resume=True)
        resumed.train()
        assert_same(final_state(resumed), expected, f'at {at}')
        assert resumed.model.seen == seen[at:], f'samples after {at}'


@pytest.mark.parametrize('by_epoch', [False, True])
@pytest.mark.parametrize(('stage', 'at'), [('train', 3), ('train', 4), ('train', 5), ('val', 0), ('after val', 0)])
def test_resume_after_a_signal(tmp_path: Path, by_epoch: bool, stage: str, at: int) -> None:
    options = {'by_epoch': by_epoch, 'iters': 10}
    expected, seen = run_whole(tmp_path, **options)
    at = at or (5 if by_epoch else 4)  # where the first validation is
    with pytest.raises(TrainingInterrupted) as info:
        toy_runner(tmp_path / 'b', **options, custom_hooks=[*_counting(), SignalAt(at, stage)]).train()
    assert info.value.checkpoint is not None and info.value.checkpoint.endswith(f'interrupted_iter_{at}.pth')
    resumed = toy_runner(tmp_path / 'b', **options, resume=True)
    resumed.train()
    assert_same(final_state(resumed), expected)
    assert resumed.model.seen == seen[at:]


def _counting() -> list:
    from helpers.toy import CountingHook

    return [CountingHook()]


@pytest.mark.parametrize('workers', [(0, 2), (2, 0), (2, 2)])
def test_resume_with_another_number_of_workers(tmp_path: Path, workers: tuple[int, int]) -> None:
    expected, seen = run_whole(tmp_path, num_workers=workers[0], iters=8)
    with pytest.raises(ZeroDivisionError):
        toy_runner(tmp_path / 'b', iters=8, num_workers=workers[0], custom_hooks=[*_counting(), StopAt(3)]).train()
    resumed = toy_runner(tmp_path / 'b', iters=8, num_workers=workers[1], resume=True)
    resumed.train()
    assert_same(final_state(resumed), expected)
    assert resumed.model.seen == seen[3:]


def test_same_seed_same_run_and_other_seed_other_run(tmp_path: Path) -> None:
    first, _ = run_whole(tmp_path / 'a')
    second, _ = run_whole(tmp_path / 'b')
    assert_same(first, second)
    other, _ = run_whole(tmp_path / 'c', randomness={'seed': 8})
    assert not torch.equal(first['model']['net.0.weight'], other['model']['net.0.weight'])


@pytest.mark.parametrize('workers', [0, 2])
def test_deterministic_runs_are_the_same(tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(torch, 'use_deterministic_algorithms', lambda mode, warn_only: asked.append(mode))
    monkeypatch.setattr(torch.backends.cudnn, 'deterministic', False)
    randomness = {'seed': 8, 'deterministic': True}
    first, seen = run_whole(tmp_path / 'a', iters=6, randomness=randomness)
    assert asked and all(asked) and torch.backends.cudnn.deterministic
    torch.manual_seed(123)
    second, seen_again = run_whole(tmp_path / 'b', iters=6, randomness=randomness, num_workers=workers)
    assert_same(first, second)
    assert seen == seen_again


def test_a_seed_for_each_rank_leaves_the_order_to_the_shared_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = toy_runner(tmp_path)
    monkeypatch.setattr(runner, '_rank', 1)
    monkeypatch.setattr(runner_utils, 'get_rank', lambda: 1)
    runner.set_randomness(8, diff_rank_seed=True)
    assert (runner.seed, runner.base_seed) == (9, 8)
    own = torch.rand(())
    runner.set_randomness(8)
    assert (runner.seed, runner.base_seed) == (8, 8)
    assert torch.rand(()) != own


def test_the_drawn_seed_of_a_run_is_kept_on_resume(tmp_path: Path) -> None:
    whole = toy_runner(tmp_path / 'a', randomness={'seed': None})
    whole.train()
    seed = whole.base_seed
    resumed = toy_runner(
        tmp_path / 'b', randomness={'seed': None}, resume=True, load_from=str(tmp_path / 'a' / 'iter_5.pth')
    )
    assert resumed.base_seed != seed
    resumed.train()
    assert resumed.base_seed == seed
    assert resumed.model.seen == whole.model.seen[5:]
    assert_same(final_state(resumed)['model'], final_state(whole)['model'])


def test_load_from_takes_the_weights_alone(tmp_path: Path) -> None:
    run_whole(tmp_path)
    loaded = toy_runner(tmp_path / 'b', load_from=str(tmp_path / 'whole' / 'iter_5.pth'))
    loaded.train_loop  # noqa: B018 - builds it
    loaded.load_or_resume()
    assert loaded.iter == 0
    saved = torch.load(tmp_path / 'whole' / 'iter_5.pth', weights_only=False)['state_dict']
    assert_same(dict(loaded.model.state_dict()), dict(saved))


def test_the_hyper_parameters_of_another_model_are_refused(tmp_path: Path) -> None:
    class Other(ToyModel):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Conv2d(1, 1, 1)

    run_whole(tmp_path)
    runner = toy_runner(tmp_path / 'b', model=Other(), load_from=str(tmp_path / 'whole' / 'iter_5.pth'))
    with pytest.raises(RuntimeError, match='net.4.weight'):
        runner.train()
