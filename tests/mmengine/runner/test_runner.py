"""What the runner refuses, and what it keeps of what it is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.toy import ToyDataset, ToyModel, toy_runner
from torch.utils.data import DataLoader, TensorDataset

from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.hooks import CheckpointHook, LoggerHook
from mmengine.runner import IterBasedTrainLoop, Runner
from mmengine.utils.errors import ConfigError


def test_what_a_phase_needs_must_be_given_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='train_dataloader, train_cfg, optim_wrapper belong together'):
        Runner(model=ToyModel(), work_dir=str(tmp_path), train_cfg={'by_epoch': False, 'max_iters': 1})


@pytest.mark.parametrize('cfg', [{'max_iters': 3}, {'type': 'IterBasedTrainLoop', 'by_epoch': False, 'max_iters': 3}])
def test_train_cfg_says_its_unit_once(tmp_path: Path, cfg: dict) -> None:
    runner = toy_runner(tmp_path, train_cfg=cfg)
    with pytest.raises(ConfigError, match='by_epoch'):
        runner.train()


def test_from_cfg_keeps_further_keys_and_leaves_the_config_alone(tmp_path: Path) -> None:
    text = (
        "default_scope = 'mmengine'\nmy_own_key = 5\nmodel = dict(type='BaseDataPreprocessor')\n"
        f"work_dir = {str(tmp_path)!r}\ncustom_hooks = [dict(type='EmptyHook', priority='LOW')]\n"
    )
    (tmp_path / 'config.py').write_text(text.replace('EmptyHook', 'IterTimerHook'))
    cfg = Config.fromfile(tmp_path / 'config.py')
    before = cfg.to_dict()
    runner = Runner.from_cfg(cfg)
    assert runner.cfg.my_own_key == 5
    assert cfg.to_dict() == before
    assert sum(type(h).__name__ == 'IterTimerHook' for h in runner.hooks) == 2


def test_logs_and_scalars_reach_the_files(tmp_path: Path) -> None:
    runner = toy_runner(
        tmp_path, visualizer={'type': 'Visualizer', 'vis_backends': [{'type': 'LocalVisBackend'}]}, log_level='INFO'
    )
    runner.train()
    lines = [json.loads(line) for line in Path(runner.log_dir, 'vis_data', 'scalars.json').read_text().splitlines()]
    assert [line['step'] for line in lines if 'loss' in line] == [3, 6, 9, 12]
    assert [line['step'] for line in lines if 'mean' in line] == [4, 8, 12]
    text = Path(runner.log_dir, f'{runner.timestamp}.log').read_text()
    assert 'Iter(train) [12/12]' in text and 'lr: ' in text and 'Hooks will be executed in the following order' in text


def test_tensorboard(tmp_path: Path) -> None:
    accumulator = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    runner = toy_runner(
        tmp_path, visualizer={'type': 'Visualizer', 'vis_backends': [{'type': 'TensorboardVisBackend'}]}
    )
    runner.train()
    events = accumulator.EventAccumulator(str(Path(runner.log_dir, 'vis_data')))
    events.Reload()
    assert [e.step for e in events.Scalars('loss')] == [3, 6, 9, 12]


def test_retention_and_best_checkpoint(tmp_path: Path) -> None:
    hook = CheckpointHook(interval=2, by_epoch=False, max_keep_ckpts=2, save_best='mean', rule='less')
    toy_runner(tmp_path, default_hooks={'checkpoint': hook}).train()
    assert sorted(p.name for p in tmp_path.glob('iter_*.pth')) == ['iter_10.pth', 'iter_12.pth']
    best = list(tmp_path.glob('best_mean_iter_*.pth'))
    assert len(best) == 1 and hook.best_ckpt_path == str(best[0])
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'iter_12.pth')


def test_save_best_of_an_unknown_metric_names_the_known_ones(tmp_path: Path) -> None:
    hook = CheckpointHook(interval=5, by_epoch=False, save_best='mIoU')
    with pytest.raises(ConfigError, match="save_best='mIoU'.*mean"):
        toy_runner(tmp_path, default_hooks={'checkpoint': hook}).train()


def test_a_data_loader_is_built_without_a_runner() -> None:
    cfg = {'batch_size': 2, 'dataset': ToyDataset(4), 'sampler': {'type': 'DefaultSampler', 'shuffle': False}}
    batches = list(Runner.build_dataloader(cfg, seed=3))
    assert [torch.stack(b['data_samples']).tolist() for b in batches] == [[0, 1], [2, 3]]


def test_a_ready_data_loader_serves_as_well(tmp_path: Path) -> None:
    class Pairs(TensorDataset):
        def __getitem__(self, index: int) -> Any:
            x, i = super().__getitem__(index)
            return {'inputs': x, 'data_samples': i}

    data = Pairs(torch.randn(6, 4), torch.arange(6))
    runner = toy_runner(tmp_path, train_dataloader=DataLoader(data, batch_size=2, collate_fn=default_collate), iters=5)
    runner.train()
    assert runner.iter == 5
    resumed = toy_runner(
        tmp_path, train_dataloader=DataLoader(data, batch_size=2, collate_fn=default_collate), iters=7, resume=True
    )
    resumed.train()
    assert [s[0] for s in resumed.model.seen] == [[4, 5], [0, 1]]


@pytest.mark.parametrize('dtype', ['bfloat16'])
def test_mixed_precision_trains(tmp_path: Path, dtype: str) -> None:
    wrapper = {'type': 'AmpOptimWrapper', 'dtype': dtype, 'optimizer': {'type': 'SGD', 'lr': 0.01}}
    runner = toy_runner(tmp_path, optim_wrapper=wrapper)
    runner.train()
    losses = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == 12 and all(torch.isfinite(torch.tensor(losses)))


def test_a_hook_may_stop_the_training(tmp_path: Path) -> None:
    class Stop(LoggerHook):
        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            runner.train_loop.stop_training = runner.iter >= 2

    runner = toy_runner(tmp_path, custom_hooks=[Stop()])
    runner.train()
    assert runner.iter == 3


def test_a_loop_of_ones_own(tmp_path: Path) -> None:
    class Twice(IterBasedTrainLoop):
        def run_iter(self, data_batch: Any) -> None:
            super().run_iter(data_batch)
            super().run_iter(data_batch)

    runner = toy_runner(tmp_path, train_cfg={'type': Twice, 'max_iters': 8, 'val_interval': 8})
    runner.train()
    seen = [s[0] for s in runner.model.seen]
    assert len(seen) == 8 and seen[0::2] == seen[1::2]
