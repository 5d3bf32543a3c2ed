"""Polynomial decay to a share of the initial learning rate."""

import pytest
import torch

from mmengine.optim import PolyLR
from mmseg.engine.schedulers import PolyLRRatio
from mmseg.registry import PARAM_SCHEDULERS


def run(cls, **kwargs):
    groups = [{'params': [torch.nn.Parameter(torch.zeros(1))], 'lr': lr} for lr in (0.1, 0.3)]
    scheduler = cls(optimizer=torch.optim.SGD(groups, lr=0.1), by_epoch=False, **kwargs)
    values = [scheduler.get_last_value()]
    for _ in range(6):
        scheduler.step()
        values.append(scheduler.get_last_value())
    return values


def test_each_group_ends_at_its_share():
    values = run(PolyLRRatio, eta_min_ratio=0.1, power=1.0, begin=1, end=5)
    assert [low for low, _ in values] == pytest.approx([0.1, 0.1, 0.07, 0.04, 0.01, 0.01, 0.01])
    assert [high for _, high in values] == pytest.approx([0.3, 0.3, 0.21, 0.12, 0.03, 0.03, 0.03])


def test_without_a_ratio_it_is_poly():
    kwargs = {'eta_min': 0.01, 'power': 0.9, 'end': 5}
    assert run(PolyLRRatio, **kwargs) == run(PolyLR, **kwargs)
    assert PARAM_SCHEDULERS.get('PolyLRRatio') is PolyLRRatio
