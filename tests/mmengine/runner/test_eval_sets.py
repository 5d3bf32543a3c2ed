"""Validation on several data sets, and losses as metrics."""

from pathlib import Path

import pytest
import torch
from helpers.toy import ToyDataset, ToyMetric, toy_runner

from mmengine.evaluator import Evaluator
from mmengine.utils.errors import ConfigError


def loader(length: int, **more: object) -> dict:
    sampler = {'type': 'DefaultSampler', 'shuffle': False}
    return {'batch_size': 3, 'num_workers': 0, 'dataset': ToyDataset(length, augment=False), 'sampler': sampler, **more}


def test_each_set_has_its_evaluator_and_its_prefix(tmp_path: Path) -> None:
    runner = toy_runner(
        tmp_path,
        iters=4,
        val_dataloader=[loader(4, name='city'), loader(7)],
        val_evaluator=[[ToyMetric()], Evaluator([ToyMetric()])],
        default_hooks={
            'checkpoint': {
                'type': 'CheckpointHook',
                'interval': 4,
                'by_epoch': False,
                'save_best': 'city/mean',
                'rule': 'greater',
            }
        },
    )
    runner.train()
    hub = runner.message_hub
    assert len(runner.val_dataloader) == 2 + 3
    values = [hub.get_scalar(f'val/{name}/mean').current() for name in ('city', 'val_1')]
    model = runner.model.eval()
    with torch.no_grad():
        expected = [float(model.net(ToyDataset(n, augment=False).base).mean()) for n in (4, 7)]
    assert values == pytest.approx(expected, rel=1e-4)
    assert len(list(tmp_path.glob('best_city*mean_iter_4.pth'))) == 1


def test_evaluators_must_fit(tmp_path: Path) -> None:
    runner = toy_runner(tmp_path, val_dataloader=[loader(4), loader(5)], val_evaluator=[[ToyMetric()]] * 3)
    with pytest.raises(ConfigError, match='2 loaders.*3 evaluators'):
        runner.val()
    runner = toy_runner(tmp_path / 'b', val_dataloader=[loader(4, name='a'), loader(5, name='a')])
    with pytest.raises(ConfigError, match="two loaders of the name 'a'"):
        runner.val()


def test_losses_are_metrics_on_request(tmp_path: Path) -> None:
    runner = toy_runner(tmp_path, val_dataloader=loader(6), val_cfg={'losses': True})
    metrics = runner.val()
    model = runner.model.eval()
    losses = []
    with torch.no_grad():
        for part in ToyDataset(6, augment=False).base.split(3):
            losses.append((model.net(part) - part.sum(1, keepdim=True)).square().mean())
    assert metrics['loss'] == pytest.approx(float(torch.stack(losses).mean()), rel=1e-5)
    assert 'loss' not in toy_runner(tmp_path / 'b', val_dataloader=loader(6)).val()
