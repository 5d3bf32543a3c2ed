"""Memory, buffers, pictures and profiles."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.toy import ToyDataset, ToyMetric, toy_runner

from mmengine.hooks import EmptyCacheHook, NaiveVisualizationHook, ProfilerHook, SyncBuffersHook, empty_cache_hook
from mmengine.structures import BaseDataElement
from mmengine.utils.errors import ConfigError

# ------------------------------------------------------------------ EmptyCacheHook


@pytest.mark.parametrize(
    ('options', 'count'),
    # One epoch of 2 iterations and a validation of 2 batches.
    [({}, 2), ({'before_epoch': True}, 4), ({'after_epoch': False, 'after_iter': True}, 4)],
    ids=str,
)
def test_the_cache_is_emptied_when_asked(tmp_path: Path, monkeypatch: Any, options: dict, count: int) -> None:
    calls = []
    monkeypatch.setattr(empty_cache_hook, 'get_device', lambda: 'cuda')
    module = SimpleNamespace(empty_cache=lambda: calls.append(1))
    monkeypatch.setattr(torch, 'get_device_module', lambda kind: module)
    toy_runner(tmp_path, by_epoch=True, length=4, iters=5, custom_hooks=[EmptyCacheHook(**options)]).train()
    assert len(calls) == count


# ------------------------------------------------------------------ SyncBuffersHook

SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import torch
from helpers.toy import toy_runner
from mmengine.hooks import Hook

class Before(Hook):
    priority = 'HIGHEST'

    def before_val_epoch(self, runner):
        self.mine = runner.model.module.net[1].running_mean.clone()

class After(Hook):
    priority = 'LOWEST'

    def before_val_epoch(self, runner):
        means = [torch.empty(8) for _ in range(2)]
        torch.distributed.all_gather(means, before.mine)
        assert not torch.equal(*means)
        torch.testing.assert_close(runner.model.module.net[1].running_mean, (means[0] + means[1]) / 2)
        self.checked = True

torch.set_num_threads(1)
before, after = Before(), After()
hooks = [before, after, dict(type='SyncBuffersHook')]
toy_runner({work_dir!r}, length=20, iters=4, custom_hooks=hooks, launcher='pytorch').train()
assert after.checked
"""


@pytest.mark.dist
def test_buffers_become_the_mean_over_ranks(tmp_path: Path) -> None:
    script = tmp_path / 'script.py'
    script.write_text(SCRIPT.format(tests=str(Path(__file__).resolve().parents[2]), work_dir=str(tmp_path / 'run')))
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=2', str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]


def test_buffers_are_reduced_once_for_an_epoch_and_its_validation(tmp_path: Path, monkeypatch: Any) -> None:
    calls = []
    monkeypatch.setattr('mmengine.hooks.sync_buffer_hook.all_reduce_params', lambda *a, **k: calls.append(1))
    hook = SyncBuffersHook()
    hook.distributed = True
    toy_runner(tmp_path, by_epoch=True, iters=10, custom_hooks=[hook]).train()
    assert len(calls) == 2


# ------------------------------------------------------------------ NaiveVisualizationHook


class Pictures(torch.utils.data.Dataset):
    metainfo: dict = {}

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict:
        meta = {
            'img_path': f'/data/{index}.png',
            'img_shape': (4, 6),
            'ori_shape': (8, 12),
            'img_norm_cfg': {'mean': (100, 100, 100), 'std': (50, 50, 50)},
        }
        return {'inputs': torch.full((3, 5, 7), float(index - 1)), 'data_samples': BaseDataElement(metainfo=meta)}


class Model(torch.nn.Module):
    def test_step(self, data: dict) -> list:
        return data['data_samples']


@pytest.mark.parametrize('interval', [1, 2])
def test_images_of_a_test_reach_the_visualizer_as_they_were(tmp_path: Path, interval: int) -> None:
    seen: dict[str, np.ndarray] = {}
    hook = NaiveVisualizationHook(interval=interval, draw_gt=False)
    loader = {'batch_size': 2, 'dataset': Pictures(), 'sampler': {'type': 'DefaultSampler', 'shuffle': False}}

    class Nothing(ToyMetric):
        def process(self, data_batch: Any, data_samples: Any) -> None:
            self.results.append(0.0)

    runner = toy_runner(
        tmp_path, model=Model(), custom_hooks=[hook], test_dataloader=loader, test_cfg={}, test_evaluator=Nothing()
    )

    def add_datasample(name: str, image: np.ndarray, data_sample: Any, draw_gt: bool, draw_pred: bool) -> None:
        assert isinstance(data_sample, BaseDataElement) and draw_pred and not draw_gt
        seen[name] = image

    runner.visualizer.add_datasample = add_datasample  # type: ignore[method-assign, assignment]
    runner.test()
    assert list(seen) == [f'{i}.png' for i in range(4)][2 * (interval - 1) :]
    for name, image in seen.items():
        assert image.shape == (8, 12, 3) and image.dtype == np.uint8
        assert (image == 50 * (int(name[0]) - 1) + 100).all()


@pytest.mark.parametrize('channels', [1, 2, 5])
def test_any_number_of_channels_gives_a_picture(channels: int) -> None:
    assert NaiveVisualizationHook()._picture(torch.rand(channels, 4, 4), {}).shape == (4, 4, 3)


# ------------------------------------------------------------------ ProfilerHook


@pytest.mark.parametrize('by_epoch', [True, False])
def test_a_trace_is_written(tmp_path: Path, by_epoch: bool) -> None:
    path = tmp_path / 'traces' / 'trace.json'
    hook = ProfilerHook(by_epoch=by_epoch, profile_times=2, json_trace_path=str(path))
    toy_runner(tmp_path, by_epoch=True, length=6, iters=15, custom_hooks=[hook]).train()
    names = [event.get('name', '') for event in json.loads(path.read_text())['traceEvents']]
    steps = sum('Optimizer.step#SGD' in n for n in names)
    assert steps == (6 if by_epoch else 2) and hook.profiler is None


def test_a_table_is_logged_for_each_cycle_of_a_schedule(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hook = ProfilerHook(
        by_epoch=False,
        profile_times=8,
        schedule={'wait': 1, 'warmup': 1, 'active': 2, 'repeat': 2},
        on_trace_ready={'type': 'log_trace', 'sort_by': 'cpu_time_total', 'row_limit': 3},
    )
    runner = toy_runner(tmp_path, custom_hooks=[hook], log_level='INFO')
    runner.logger.addHandler(caplog.handler)
    runner.train()
    assert sum('Self CPU' in r.message for r in caplog.records) == 2


def test_a_function_gets_the_trace(tmp_path: Path) -> None:
    seen: list[Any] = []
    hook = ProfilerHook(by_epoch=False, on_trace_ready=seen.append, record_shapes=True)
    toy_runner(tmp_path, custom_hooks=[hook], iters=2).train()
    assert len(seen) == 1 and seen[0].key_averages()


def test_traces_for_tensorboard_are_below_the_log(tmp_path: Path) -> None:
    hook = ProfilerHook(by_epoch=False, on_trace_ready={'type': 'tb_trace', 'worker_name': 'w'})
    runner = toy_runner(tmp_path, custom_hooks=[hook], iters=2)
    runner.train()
    assert list(Path(runner.log_dir, 'tf_tracing_logs').glob('w*.json'))


@pytest.mark.parametrize(
    'options',
    [
        {'profile_times': 0},
        {'on_trace_ready': {'type': 'other'}},
        {'on_trace_ready': 3},
        {'activity_with_cpu': False},
        {'schedule': {'wait': 1, 'warmup': 1, 'active': 1}, 'json_trace_path': 'x'},
    ],
    ids=str,
)
def test_impossible_profiles_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError):
        ProfilerHook(**options)


def test_a_profile_longer_than_the_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='profile_times=13.*12 iterations'):
        toy_runner(tmp_path, custom_hooks=[ProfilerHook(by_epoch=False, profile_times=13)]).train()


def test_profiling_a_test_only_run_does_nothing(tmp_path: Path) -> None:
    loader = {'batch_size': 2, 'dataset': ToyDataset(4), 'sampler': {'type': 'DefaultSampler', 'shuffle': False}}
    none = dict.fromkeys(('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'))
    test = {'test_dataloader': loader, 'test_cfg': {}, 'test_evaluator': ToyMetric()}
    toy_runner(tmp_path, custom_hooks=[ProfilerHook()], **none, **test).test()
