"""Norms of gradients, throughput, unused parameters."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.toy import ToyDataset, ToyModel, assert_same, final_state, toy_runner
from torch import nn

from mmengine.hooks import GradNormHook, Hook, ThroughputHook, UnusedParametersHook
from mmengine.hooks.throughput_hook import batch_size
from mmengine.hooks.unused_parameters_hook import collapsed
from mmengine.utils.errors import ConfigError

# ------------------------------------------------------------------ GradNormHook


def norms(tmp_path: Path, hook: GradNormHook, **options: Any) -> tuple[Any, dict[str, list[float]]]:
    runner = toy_runner(tmp_path, custom_hooks=[hook], **options)
    runner.train()
    found = {
        k: b.data[0].tolist() for k, b in runner.message_hub.log_scalars.items() if k.startswith('train/grad_norm')
    }
    return runner, {k.removeprefix('train/grad_norm'): v for k, v in found.items()}


def test_norms_of_the_whole_and_of_parts(tmp_path: Path) -> None:
    wrapper = {'optimizer': {'type': 'SGD', 'lr': 0.01}, 'clip_grad': {'max_norm': 1e9}}
    hook = GradNormHook(interval=1, parts={'first': r'net\.0', 'rest': r'net\.[^0]'})
    _, found = norms(tmp_path, hook, optim_wrapper=wrapper, iters=6)
    assert set(found) == {'', '/total', '/first', '/rest'}
    torch.testing.assert_close(found['/total'], found[''], rtol=1e-5, atol=0)  # what clipping measures
    both = [(a**2 + b**2) ** 0.5 for a, b in zip(found['/first'], found['/rest'], strict=True)]
    torch.testing.assert_close(both, found['/total'], rtol=1e-5, atol=0)


def test_the_interval_and_the_children_as_default(tmp_path: Path) -> None:
    runner, found = norms(tmp_path, GradNormHook(interval=4))
    assert {k: len(v) for k, v in found.items()} == {'/total': 3, '/net': 3}
    assert not runner.optim_wrapper.optimizer._optimizer_step_pre_hooks  # nothing stays behind


def test_the_largest_absolute_value(tmp_path: Path) -> None:
    _, two = norms(tmp_path / 'a', GradNormHook(interval=1))
    _, largest = norms(tmp_path / 'b', GradNormHook(interval=1, norm_type=float('inf')))
    assert all(0 < m <= n for m, n in zip(largest['/total'], two['/total'], strict=True))


def test_a_part_without_parameters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'head'"):
        norms(tmp_path, GradNormHook(parts={'head': 'head'}))


# ------------------------------------------------------------------ ThroughputHook


class SlowDataset(ToyDataset):
    def __getitem__(self, index: int) -> dict[str, Any]:
        time.sleep(0.01)
        return super().__getitem__(index)


def throughput(tmp_path: Path, **options: Any) -> dict[str, list[float]]:
    runner = toy_runner(tmp_path, custom_hooks=[ThroughputHook(interval=3)], **options)
    runner.train()
    hub = runner.message_hub
    return {k: hub.get_scalar(f'train/{k}').data[0].tolist() for k in ('images_per_s', 'data_wait')}


def test_images_per_second_and_the_share_of_waiting(tmp_path: Path) -> None:
    loader = {'batch_size': 2, 'num_workers': 0, 'dataset': SlowDataset(), 'sampler': {'type': 'InfiniteSampler'}}
    found = throughput(tmp_path / 'a', train_dataloader=loader, val_cfg=None, val_dataloader=None, val_evaluator=None)
    assert len(found['images_per_s']) == 4
    assert all(10 < v < 100 for v in found['images_per_s'])  # a batch of 2 waits 20 ms
    assert all(0.3 < v < 1 for v in found['data_wait'])
    fast = throughput(tmp_path / 'b')
    assert max(fast['data_wait']) < min(found['data_wait'])


def test_validation_and_slow_hooks_are_no_waiting_for_data(tmp_path: Path) -> None:
    class Slow(Hook):
        def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            time.sleep(0.05)

        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            time.sleep(0.01)

    hook = ThroughputHook(interval=3)
    runner = toy_runner(tmp_path, custom_hooks=[Slow(), hook])
    runner.train()
    assert max(runner.message_hub.get_scalar('train/data_wait').data[0]) < 0.5
    assert sum(total for total, _, _ in hook._entries) < 0.1 * len(hook._entries)


def test_what_depends_on_the_clock_is_not_saved(tmp_path: Path) -> None:
    toy_runner(tmp_path, custom_hooks=[ThroughputHook(interval=1)]).train()
    saved = torch.load(tmp_path / 'iter_12.pth', weights_only=False)['message_hub']['log_scalars']
    assert 'train/loss' in saved and 'train/images_per_s' not in saved


@pytest.mark.parametrize(
    ('batch', 'size'),
    [
        ({'inputs': torch.zeros(3, 4), 'data_samples': []}, 3),
        ({'inputs': [1, 2], 'data_samples': [1, 2]}, 2),
        ((torch.zeros(5, 1), torch.zeros(5)), 5),
        ([{'inputs': 0}] * 4, 4),
        ({'inputs': {'a': torch.zeros(2, 3)}}, 2),
        (None, 1),
    ],
    ids=str,
)
def test_the_size_of_a_batch(batch: Any, size: int) -> None:
    assert batch_size(batch) == size


# ------------------------------------------------------------------ UnusedParametersHook


class Idle(ToyModel):
    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Linear(2, 2)
        self.lonely = nn.Parameter(torch.zeros(1))
        self.frozen = nn.Parameter(torch.zeros(1), requires_grad=False)


@pytest.mark.parametrize('accumulate', [1, 3])
def test_unused_parameters_are_named_once(tmp_path: Path, accumulate: int, caplog: pytest.LogCaptureFixture) -> None:
    wrapper = {'optimizer': {'type': 'SGD', 'lr': 0.01}, 'accumulative_counts': accumulate}
    hooks = [UnusedParametersHook()]
    runner = toy_runner(tmp_path, model=Idle(), custom_hooks=hooks, optim_wrapper=wrapper)
    runner.logger.addHandler(caplog.handler)
    runner.train()
    found = [r.message for r in caplog.records if 'no gradient' in r.message]
    assert len(found) == 1 and 'lonely, idle.* (2).' in found[0] and 'net' not in found[0] and 'frozen' not in found[0]


def test_unused_parameters_can_end_the_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'idle\.\* \(2\)'):
        toy_runner(tmp_path, model=Idle(), custom_hooks=[UnusedParametersHook('error')]).train()
    toy_runner(tmp_path / 'b', custom_hooks=[UnusedParametersHook('error')]).train()


def test_parameters_in_no_optimizer_are_named(tmp_path: Path) -> None:
    runner = toy_runner(tmp_path, custom_hooks=[UnusedParametersHook('error')])
    built = runner.build_optim_wrapper(runner.optim_wrapper)
    built.optimizer.param_groups[0]['params'] = built.optimizer.param_groups[0]['params'][:2]
    runner.optim_wrapper = built
    with pytest.raises(ConfigError, match=r'in no optimizer.*net\.1\.\* \(2\), net\.4\.\* \(2\)'):
        runner.train()


def test_names_are_collapsed_to_whole_modules() -> None:
    everything = ['a.x.w', 'a.x.b', 'a.y.w', 'b.w', 'c']
    assert collapsed(['a.x.w', 'a.x.b', 'a.y.w'], everything) == 'a.* (3)'
    assert collapsed(['a.x.b', 'a.x.w', 'c'], everything) == 'a.x.* (2), c'
    assert collapsed(['a.x.w', 'b.w'], everything) == 'a.x.w, b.w'


# ------------------------------------------------------------------ all of them


@pytest.mark.parametrize('kind', ['GradNormHook', 'ThroughputHook', 'UnusedParametersHook'])
def test_measuring_changes_nothing(tmp_path: Path, kind: str) -> None:
    plain, measured = (
        toy_runner(tmp_path / 'a', custom_hooks=[]),
        toy_runner(tmp_path / 'b', custom_hooks=[{'type': kind}]),
    )
    plain.train()
    measured.train()
    assert_same(final_state(measured), final_state(plain))
