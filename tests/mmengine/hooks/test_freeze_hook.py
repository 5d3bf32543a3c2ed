"""Freezing and unfreezing by pattern and time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.toy import ToyModel, assert_same, final_state, toy_runner

from mmengine.hooks import FreezeHook, Hook
from mmengine.utils.errors import ConfigError

ADAM = {'optimizer': {'type': 'AdamW', 'lr': 0.01, 'weight_decay': 0.1}}


class Watch(Hook):
    """Notes which parameters and statistics each iteration changes."""

    priority = 'HIGHEST'

    def __init__(self) -> None:
        self.changed: list[set[str]] = []

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self.before = {k: v.clone() for k, v in runner.model.state_dict().items()}

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.changed.append({k for k, v in runner.model.state_dict().items() if not torch.equal(v, self.before[k])})


class Kill(Hook):
    priority = 'LOWEST'

    def __init__(self, at: int) -> None:
        self.at = at

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if runner.iter + 1 == self.at:
            raise ZeroDivisionError('killed')


FIRST = {'net.0.weight', 'net.0.bias'}
NORM = {'net.1.weight', 'net.1.bias'}
STATISTICS = {'net.1.running_mean', 'net.1.running_var', 'net.1.num_batches_tracked'}
LAST = {'net.4.weight', 'net.4.bias'}


def changes(tmp_path: Path, hook: FreezeHook, **options: Any) -> list[set[str]]:
    watch = Watch()
    runner = toy_runner(tmp_path, custom_hooks=[hook, watch], optim_wrapper=ADAM, param_scheduler=None, **options)
    runner.train()
    assert all(p.requires_grad for p in runner.model.parameters())  # as it was before
    return watch.changed


def test_by_iteration_with_weight_decay_and_statistics(tmp_path: Path) -> None:
    seen = changes(tmp_path, FreezeHook([r'net\.0', r'net\.1'], begin=3, end=7, by_epoch=False), iters=9)
    everything = FIRST | NORM | STATISTICS | LAST
    # Iteration 5 comes after a validation, which puts the model to train mode.
    assert seen == [everything] * 3 + [LAST] * 4 + [everything] * 2


def test_by_epoch(tmp_path: Path) -> None:
    seen = changes(tmp_path, FreezeHook('net.0', end=2), by_epoch=True, iters=15)
    assert [c >= FIRST for c in seen] == [False] * 10 + [True] * 5
    assert all(c >= STATISTICS for c in seen)


def test_norm_eval_can_be_left_out(tmp_path: Path) -> None:
    hook = FreezeHook([r'net\.0', r'net\.1'], by_epoch=False, norm_eval=False)
    assert changes(tmp_path, hook, iters=3) == [STATISTICS | LAST] * 3


def test_phases_overlap(tmp_path: Path) -> None:
    phases = [{'params': 'net.0', 'end': 4}, {'params': ['net.0', 'net.4'], 'begin': 2, 'end': 6}]
    seen = changes(tmp_path, FreezeHook(phases=phases, by_epoch=False), iters=8)
    assert [c >= FIRST for c in seen] == [False] * 6 + [True] * 2
    assert [c >= LAST for c in seen] == [True] * 2 + [False] * 4 + [True] * 2


@pytest.mark.parametrize('accumulate', [1, 3])
@pytest.mark.parametrize('at', [2, 3, 5, 7, 8])
def test_resume_is_exact(tmp_path: Path, at: int, accumulate: int) -> None:
    wrapper = {**ADAM, 'accumulative_counts': accumulate}
    hook = {'type': 'FreezeHook', 'params': r'net\.[01]', 'begin': 3, 'end': 7, 'by_epoch': False}
    whole = toy_runner(tmp_path / 'whole', custom_hooks=[hook], optim_wrapper=wrapper, iters=10)
    whole.train()
    with pytest.raises(ZeroDivisionError):
        toy_runner(tmp_path / 'b', custom_hooks=[hook, Kill(at)], optim_wrapper=wrapper, iters=10).train()
    resumed = toy_runner(tmp_path / 'b', custom_hooks=[hook], optim_wrapper=wrapper, iters=10, resume=True)
    resumed.train()
    assert_same(final_state(resumed), final_state(whole))


def test_what_the_model_froze_stays_frozen(tmp_path: Path) -> None:
    model = ToyModel()
    model.net[0].requires_grad_(False)
    watch = Watch()
    hook = FreezeHook([r'net\.0', r'net\.1'], end=2, by_epoch=False)
    toy_runner(tmp_path, model=model, custom_hooks=[hook, watch], iters=4, param_scheduler=None).train()
    assert not any(FIRST & c for c in watch.changed) and watch.changed[-1] >= NORM
    assert not model.net[0].weight.requires_grad


def test_what_will_be_unfrozen_must_be_in_an_optimizer(tmp_path: Path) -> None:
    model = ToyModel()
    wrapper = {'type': 'OptimWrapper', 'optimizer': {'type': 'SGD', 'lr': 0.1}}
    runner = toy_runner(
        tmp_path, model=model, custom_hooks=[FreezeHook('net.0', end=2, by_epoch=False)], optim_wrapper=wrapper
    )
    built = runner.build_optim_wrapper(wrapper)
    built.optimizer.param_groups[0]['params'] = list(model.net[4].parameters())
    runner.optim_wrapper = built
    with pytest.raises(ConfigError, match=r'net\.0\.weight, which is in no optimizer'):
        runner.train()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({}, 'params'),
        ({'params': 'a', 'phases': []}, 'params'),
        ({'params': 'a', 'begin': 3, 'end': 3}, 'begin < end'),
        ({'params': 'a', 'begin': -1}, 'begin < end'),
    ],
    ids=str,
)
def test_contradicting_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FreezeHook(**options)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'params': 'nett', 'by_epoch': False}, "begins with 'nett'.*nearest is 'net'"),
        ({'params': 'net', 'by_epoch': False}, 'freeze all parameters from 0 iterations on'),
        (
            {'params': 'net', 'end': 2},
            'after 2 epochs, but the run has 1; in a run that counts iterations, set by_epoch',
        ),
        ({'params': 'net', 'begin': 12, 'by_epoch': False}, 'after 12 iterations, but the run has 12'),
    ],
    ids=str,
)
def test_what_does_not_fit_the_run_is_refused(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        toy_runner(tmp_path, custom_hooks=[FreezeHook(**options)]).train()


SCRIPT = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, {tests!r})
from helpers.toy import toy_runner
from mmengine.hooks import FreezeHook, Hook

class Watch(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.before = [p.detach().clone() for p in runner.model.parameters()]

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        now = list(runner.model.parameters())
        assert torch.equal(now[0], self.before[0]) == (2 <= runner.iter < 5), runner.iter
        assert not torch.equal(now[-1], self.before[-1]), runner.iter
        for p in now:
            both = [torch.empty_like(p) for _ in range(2)]
            torch.distributed.all_gather(both, p.detach())
            assert torch.equal(*both), runner.iter

torch.set_num_threads(1)
hooks = [FreezeHook('net.0', begin=2, end=5, by_epoch=False), Watch()]
runner = toy_runner({work_dir!r}, length=20, iters=7, custom_hooks=hooks, launcher='pytorch', param_scheduler=None)
runner.train()
assert type(runner.model).__name__ == 'MMDistributedDataParallel'
"""


@pytest.mark.dist
def test_on_two_processes_the_wrapper_does_not_wait_for_frozen_parameters(tmp_path: Path) -> None:
    script = tmp_path / 'script.py'
    tests = str(Path(__file__).resolve().parents[2])
    script.write_text(SCRIPT.format(tests=tests, work_dir=str(tmp_path / 'run')))
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=2', str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
