from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from mmengine.model import (
    BaseAveragedModel,
    ExponentialMovingAverage,
    MomentumAnnealingEMA,
    StochasticWeightAverage,
)
from mmengine.registry import MODELS


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))


def walk(average: BaseAveragedModel, source: nn.Module, steps: int) -> list[dict[str, torch.Tensor]]:
    """Random steps of the source; the source's state after each."""
    states = []
    for _ in range(steps):
        with torch.no_grad():
            for param in source.parameters():
                param.add_(torch.randn_like(param))
        source(torch.randn(4, 3))
        average.update_parameters(source)
        states.append(copy.deepcopy(source.state_dict()))
    return states


@pytest.mark.parametrize('interval', [1, 3])
def test_stochastic_weight_average_is_the_mean(interval: int) -> None:
    source = model()
    average = StochasticWeightAverage(source, interval=interval)
    states = walk(average, source, 7)[::interval]
    for name, param in average.module.named_parameters():
        torch.testing.assert_close(param.data, torch.stack([s[name] for s in states]).mean(0))


def reference_ema(states: list[dict[str, torch.Tensor]], name: str, weight: Any, interval: int = 1) -> torch.Tensor:
    value = states[0][name]
    for step in range(interval, len(states), interval):
        value = value + weight(step) * (states[step][name] - value)
    return value


@pytest.mark.parametrize('interval', [1, 2])
def test_exponential_moving_average(interval: int) -> None:
    source = model()
    average = ExponentialMovingAverage(source, momentum=0.1, interval=interval)
    states = walk(average, source, 6)
    for name, param in average.module.named_parameters():
        torch.testing.assert_close(param.data, reference_ema(states, name, lambda step: 0.1, interval))
    for name, buffer in average.module.named_buffers():
        assert torch.equal(buffer, states[-1][name])
    assert int(average.steps) == 6


def test_annealed_momentum() -> None:
    source = model()
    average = MomentumAnnealingEMA(source, momentum=0.4, gamma=2)
    states = walk(average, source, 6)
    for name, param in average.module.named_parameters():
        torch.testing.assert_close(param.data, reference_ema(states, name, lambda s: max(0.4, 2 / (2 + s))))


def test_buffers_are_averaged_on_request() -> None:
    source = model()
    average = ExponentialMovingAverage(source, momentum=0.1, update_buffers=True)
    states = walk(average, source, 5)
    out = average.module.state_dict()
    torch.testing.assert_close(out['1.running_mean'], reference_ema(states, '1.running_mean', lambda s: 0.1))
    assert out['1.num_batches_tracked'] == 5


def test_the_source_is_not_touched_and_the_average_not_trained() -> None:
    source = model()
    before = copy.deepcopy(source.state_dict())
    average = ExponentialMovingAverage(source, momentum=0.1)
    average.update_parameters(source)
    average.update_parameters(source)
    assert all(torch.equal(before[k], v) for k, v in source.state_dict().items())
    assert not any(p.requires_grad for p in average.parameters())
    x = torch.randn(4, 3)
    torch.testing.assert_close(average.eval()(x), source.eval()(x))


def test_state_resumes_where_it_was() -> None:
    source = model()
    average = MomentumAnnealingEMA(source, momentum=0.1, gamma=3)
    walk(average, source, 3)
    resumed_source = copy.deepcopy(source)
    resumed = MomentumAnnealingEMA(resumed_source, momentum=0.1, gamma=3)
    resumed.load_state_dict(average.state_dict())
    for src, avg in ((source, average), (resumed_source, resumed)):
        torch.manual_seed(1)
        walk(avg, src, 3)
    for name, value in average.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name])


def test_own_averages_may_override_avg_func() -> None:
    steps_seen = []

    class Last(ExponentialMovingAverage):
        def avg_func(self, averaged_param: torch.Tensor, source_param: torch.Tensor, steps: int) -> None:
            steps_seen.append(float(1 + steps))
            averaged_param.copy_(source_param)

    source = model()
    average = Last(source, momentum=0.1)
    states = walk(average, source, 3)
    assert torch.equal(average.module[0].weight, states[-1]['0.weight'])
    assert sorted(set(steps_seen)) == [2.0, 3.0]


def test_arguments_are_checked() -> None:
    for momentum in (0.0, 1.0, 2.0):
        with pytest.raises(ValueError, match='momentum'):
            ExponentialMovingAverage(model(), momentum=momentum)
    with pytest.raises(ValueError, match='gamma'):
        MomentumAnnealingEMA(model(), gamma=0)
    built = MODELS.build({'type': 'ExponentialMovingAverage', 'momentum': 0.1}, default_args={'model': model()})
    assert built.momentum == 0.1
