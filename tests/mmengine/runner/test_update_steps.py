"""`step_unit='update'` and `auto_micro_batch`: what an iteration is, and that the update stays the same."""

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.toy import ToyDataset, ToyModel, assert_same, final_state, toy_runner
from torch import nn

from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner.train_step import batch_size, split_batch
from mmengine.utils.errors import ConfigError

SGD = {'type': 'SGD', 'lr': 0.1}


class Linear(BaseModel):
    """Without dropout and batch norm a batch and its pieces give the same gradient."""

    def __init__(self, fits: int = 100) -> None:
        super().__init__()
        self.net = nn.Linear(4, 1)
        self.fits = fits
        self.sizes: list[int] = []

    def init_weights(self) -> None:
        nn.init.ones_(self.net.weight)
        nn.init.zeros_(self.net.bias)

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        x = torch.stack(list(inputs))
        if mode != 'loss':
            return [self.net(x)]
        if len(x) > self.fits:
            raise torch.OutOfMemoryError('the device is full')
        self.sizes.append(len(x))
        return {'loss': self.net(x).square().mean()}


class Recorder(Hook):
    def __init__(self) -> None:
        self.lrs: list[float] = []
        self.batches: list[Any] = []

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.lrs.append(runner.optim_wrapper.get_lr()['lr'][0])
        self.batches.append(data_batch)


def run(tmp_path: Path, model: nn.Module, batch: int, train_cfg: dict, **options: Any) -> Any:
    runner = toy_runner(
        tmp_path,
        model=model,
        train_dataloader={
            'batch_size': batch,
            'num_workers': 0,
            'dataset': ToyDataset(12),
            'sampler': {'type': options.pop('sampler', 'InfiniteSampler'), 'shuffle': True},
        },
        train_cfg=train_cfg,
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
        **options,
    )
    runner.train()
    return runner


def test_updates_of_several_batches_equal_those_of_one_large_batch(tmp_path: Path) -> None:
    large = run(tmp_path / 'a', Linear(), 4, {'by_epoch': False, 'max_iters': 6}, optim_wrapper={'optimizer': SGD})
    split = run(
        tmp_path / 'b',
        Linear(),
        2,
        {'by_epoch': False, 'max_iters': 6, 'step_unit': 'update'},
        optim_wrapper={'optimizer': SGD, 'accumulative_counts': 2},
    )
    assert split.iter == 6
    torch.testing.assert_close(split.model.net.weight, large.model.net.weight)
    assert split.param_schedulers[0].last_step == large.param_schedulers[0].last_step
    losses = [r.message_hub.get_scalar('train/loss').data[0] for r in (large, split)]
    torch.testing.assert_close(*map(torch.as_tensor, losses), rtol=1e-5, atol=0)


def test_the_last_update_of_an_epoch_averages_what_is_left(tmp_path: Path) -> None:
    recorder, model = Recorder(), Linear()
    runner = run(
        tmp_path,
        model,
        2,
        {'by_epoch': True, 'max_epochs': 2, 'step_unit': 'update'},
        sampler='DefaultSampler',
        optim_wrapper={'optimizer': SGD, 'accumulative_counts': 4},
        param_scheduler=None,
        custom_hooks=[recorder],
    )
    assert [len(batches) for batches in recorder.batches] == [4, 2, 4, 2]
    assert (runner.iter, runner.max_iters, len(runner.train_dataloader)) == (4, 4, 2)


@pytest.mark.parametrize('by_epoch', [False, True])
@pytest.mark.parametrize('stop', [1, 3, 4])
def test_resuming_between_updates_is_exact(tmp_path: Path, stop: int, by_epoch: bool) -> None:
    options = {
        'by_epoch': by_epoch,
        'optim_wrapper': {'optimizer': {**SGD, 'momentum': 0.9}, 'accumulative_counts': 2},
        'param_scheduler': None,
        'val_cfg': None,
        'val_dataloader': None,
        'val_evaluator': None,
        'train_cfg': {
            'step_unit': 'update',
            'by_epoch': by_epoch,
            **({'max_epochs': 2} if by_epoch else {'max_iters': 6}),
        },
    }
    whole = toy_runner(tmp_path / 'whole', **options)
    whole.train()
    name = tmp_path / 'whole' / f'iter_{stop}.pth'
    part = toy_runner(tmp_path / 'part', load_from=str(name), resume=True, **options)
    part.train()
    assert_same(final_state(part), final_state(whole))
    assert part.model.seen == whole.model.seen[-len(part.model.seen) :]


def test_out_of_memory_halves_the_pieces_and_keeps_the_update(tmp_path: Path) -> None:
    cfg = {'by_epoch': False, 'max_iters': 3, 'auto_micro_batch': True}
    roomy = run(tmp_path / 'a', Linear(), 6, cfg, optim_wrapper={'optimizer': SGD})
    model = Linear(fits=2)
    tight = run(tmp_path / 'b', model, 6, cfg, optim_wrapper={'optimizer': SGD})
    assert model.sizes == [1, 2, 1, 2] * 3
    torch.testing.assert_close(tight.model.net.weight, roomy.model.net.weight)


def test_a_single_sample_that_does_not_fit_is_said_to(tmp_path: Path) -> None:
    with pytest.raises(torch.OutOfMemoryError) as info:
        run(tmp_path, Linear(fits=0), 2, {'by_epoch': False, 'max_iters': 1, 'auto_micro_batch': True})
    assert any('one sample alone does not fit' in note for note in info.value.__notes__)


def test_without_it_out_of_memory_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        run(tmp_path, Linear(fits=1), 2, {'by_epoch': False, 'max_iters': 1})


def test_an_unknown_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='step_unit'):
        run(tmp_path, ToyModel(), 2, {'by_epoch': False, 'max_iters': 1, 'step_unit': 'epoch'})


def test_batches_are_cut_along_their_samples() -> None:
    batch = {'inputs': torch.arange(10).reshape(5, 2), 'data_samples': list('abcde'), 'flag': True}
    parts = split_batch(batch, 2)
    assert [batch_size(part) for part in parts] == [2, 3]
    assert parts[1]['data_samples'] == ['c', 'd', 'e'] and parts[1]['flag'] is True
    assert torch.equal(torch.cat([part['inputs'] for part in parts]), batch['inputs'])
    assert len(split_batch(batch, 8)) == 5
    with pytest.raises(ValueError, match='cannot be cut'):
        split_batch({'a': [1, 2, 3], 'b': [1]}, 2)
