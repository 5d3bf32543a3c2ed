from __future__ import annotations

import copy
import logging
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mmengine.logging import MMLogger
from mmengine.model import (
    BaseInit,
    BaseModule,
    ConstantInit,
    ModuleDict,
    ModuleList,
    PretrainedInit,
    Sequential,
    bias_init_with_prob,
    caffe2_xavier_init,
    constant_init,
    initialize,
    kaiming_init,
    normal_init,
    trunc_normal_,
    trunc_normal_init,
    uniform_init,
    update_init_info,
    xavier_init,
)
from mmengine.registry import WEIGHT_INITIALIZERS
from mmengine.utils.errors import ConfigError


def net() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 1, 3), nn.Linear(1, 2), nn.Sequential(nn.Conv2d(1, 1, 1)), nn.BatchNorm2d(1))


class Toy(BaseModule):
    def __init__(self, init_cfg: Any = None, child_cfg: Any = None) -> None:
        super().__init__(init_cfg)
        self.fc = nn.Linear(4, 4)
        self.child = Sequential(nn.Linear(4, 2), init_cfg=child_cfg)
        self.reg = nn.Linear(2, 2)


def values(module: nn.Module) -> set[float]:
    return set(module.weight.flatten().tolist())  # type: ignore[operator, union-attr]


def test_functions_fill_weight_and_bias() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(16, 32, 5)
    fan_in, fan_out = 16 * 25, 32 * 25
    normal_init(conv, mean=1, std=2, bias=3)
    assert abs(float(conv.weight.data.mean()) - 1) < 0.1 and abs(float(conv.weight.data.std()) - 2) < 0.1
    assert values(nn.Linear(1, 1)) != {3.0} and set(conv.bias.tolist()) == {3.0}  # type: ignore[union-attr]
    kaiming_init(conv)
    assert math.isclose(float(conv.weight.data.std()), math.sqrt(2 / fan_out), rel_tol=0.03)
    kaiming_init(conv, a=1, mode='fan_in', nonlinearity='leaky_relu', distribution='uniform')
    assert math.isclose(float(conv.weight.data.abs().max()), math.sqrt(3 / fan_in), rel_tol=0.01)
    caffe2_xavier_init(conv)
    assert math.isclose(float(conv.weight.data.abs().max()), math.sqrt(3 / fan_in), rel_tol=0.01)
    xavier_init(conv, gain=2)
    assert math.isclose(float(conv.weight.data.std()), 2 * math.sqrt(2 / (fan_in + fan_out)), rel_tol=0.03)
    uniform_init(conv, a=2, b=3)
    assert 2 <= float(conv.weight.data.min()) < 2.01 < 2.99 < float(conv.weight.data.max()) <= 3
    constant_init(conv, 7, bias=1)
    assert values(conv) == {7.0}
    with pytest.raises(ValueError, match='gaussian'):
        xavier_init(conv, distribution='gaussian')
    constant_init(nn.ReLU(), 1)  # nothing to do
    constant_init(nn.BatchNorm2d(2, affine=False), 1)


def test_truncated_normal_is_cut_at_values() -> None:
    torch.manual_seed(0)
    x = trunc_normal_(torch.empty(20000), mean=1, std=2, a=0, b=3)
    assert 0 <= float(x.min()) < 0.01 and 2.99 < float(x.max()) <= 3
    # Mean and deviation of the distribution, symmetric about 1 and cut at half a deviation below and one above.
    pdf = torch.distributions.Normal(1.0, 2.0)
    grid = torch.linspace(0, 3, 3001)
    density = pdf.log_prob(grid).exp()
    mean = float((density * grid).sum() / density.sum())
    assert abs(float(x.mean()) - mean) < 0.02
    layer = nn.Linear(100, 100)
    trunc_normal_init(layer, std=0.02, bias=2)
    assert math.isclose(float(layer.weight.data.std()), 0.02, rel_tol=0.05)
    assert set(layer.bias.tolist()) == {2.0}


def test_truncated_normal_draws_as_documented() -> None:
    """Values for a seed are facts: 0.02 * sqrt(2) * erfinv(u) for uniform u."""
    torch.manual_seed(3)
    uniform = torch.empty(50).uniform_(-1, 1)
    torch.manual_seed(3)
    torch.testing.assert_close(trunc_normal_(torch.empty(50), std=0.02), 0.02 * math.sqrt(2) * torch.erfinv(uniform))


def test_truncated_normal_has_no_outliers_where_the_uniform_draw_is_at_its_edge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.Tensor, 'uniform_', lambda self, a, b: self.fill_(a))
    assert float(trunc_normal_(torch.empty(3), std=0.02).abs().max()) < 0.2


def test_bias_for_a_probability() -> None:
    assert math.isclose(1 / (1 + math.exp(-bias_init_with_prob(0.01))), 0.01)
    assert math.isclose(ConstantInit(1, bias_prob=0.25).bias, -math.log(3))


@pytest.mark.parametrize('bad', [{'bias': 'a'}, {'bias_prob': '0.1'}, {'layer': {'Conv2d'}}])
def test_init_arguments_are_checked(bad: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(bad))):
        ConstantInit(1, **bad)


@pytest.mark.parametrize('name', ['Constant', 'Xavier', 'Normal', 'TruncNormal', 'Uniform', 'Kaiming', 'Caffe2Xavier'])
def test_registered_initialisers_touch_only_their_layers(name: str) -> None:
    args = {'val': 5} if name == 'Constant' else {}
    model = net()
    before = copy.deepcopy(model.state_dict())
    initialize(model, {'type': name, 'layer': 'Conv2d', 'bias': 0.125, **args})
    after = model.state_dict()
    changed = {key for key in after if not torch.equal(after[key], before[key])}
    assert changed == {'0.weight', '0.bias', '2.0.weight', '2.0.bias'}
    assert model[0].bias[0].item() == 0.125
    assert 'bias=0.125' in WEIGHT_INITIALIZERS.build({'type': name, 'bias': 0.125, **args})._get_init_info()


def test_layers_count_by_their_direct_base_class() -> None:
    model = net()
    initialize(model, {'type': 'Constant', 'val': 3, 'layer': ['_BatchNorm', '_ConvNd']})
    assert values(model[3]) == values(model[0]) == {3.0} != values(model[1])
    initialize(model, {'type': 'Constant', 'val': 4, 'layer': '_NormBase'})
    assert values(model[3]) == {3.0}


def test_override() -> None:
    toy = Toy()
    before = toy.child[0].weight.clone()
    cfg = {'type': 'Constant', 'val': 1, 'override': {'name': 'reg', 'type': 'Constant', 'val': 2, 'bias': 3}}
    initialize(toy, {**cfg, 'layer': 'Conv2d'})
    assert values(toy.reg) == {2.0} and set(toy.reg.bias.tolist()) == {3.0}
    assert torch.equal(toy.child[0].weight, before)
    assert cfg['override'] == {'name': 'reg', 'type': 'Constant', 'val': 2, 'bias': 3}
    initialize(toy, {'type': 'Constant', 'val': 5, 'override': [{'name': 'child'}, {'name': 'fc'}]})
    assert values(toy.child[0]) == values(toy.fc) == {5.0} and values(toy.reg) == {2.0}
    for wrong, error in (
        ({'type': 'Constant', 'val': 1}, ConfigError),
        ({'name': 'reg', 'val': 1}, ConfigError),
        ({'name': 'head'}, RuntimeError),
        (3, TypeError),
    ):
        with pytest.raises(error):
            initialize(toy, {'type': 'Constant', 'val': 5, 'override': wrong})
    for bad in (3, [3], 'Constant'):
        with pytest.raises(TypeError):
            initialize(toy, bad)  # type: ignore[arg-type]


def test_parents_before_children_and_pretrained_last(tmp_path: Path) -> None:
    toy = Toy(
        [{'type': 'Constant', 'val': 1, 'layer': 'Linear'}],
        {'type': 'Constant', 'val': 2, 'layer': 'Linear'},
    )
    toy.init_weights()
    assert (values(toy.fc), values(toy.child[0]), values(toy.reg)) == ({1.0}, {2.0}, {1.0})
    assert toy.is_init and toy.child.is_init

    path = str(tmp_path / 'toy.pth')
    weights = {name: torch.full_like(value, 9.0) for name, value in Toy().state_dict().items() if 'reg' not in name}
    torch.save({'state_dict': weights}, path)
    toy = Toy(
        [{'type': 'Pretrained', 'checkpoint': path}, {'type': 'Constant', 'val': 1, 'layer': 'Linear'}],
        {'type': 'Constant', 'val': 2, 'layer': 'Linear'},
    )
    toy.init_weights()
    assert (values(toy.fc), values(toy.child[0]), values(toy.reg)) == ({9.0}, {9.0}, {1.0})


def test_pretrained_prefix(tmp_path: Path) -> None:
    path = str(tmp_path / 'toy.pth')
    weights = {f'backbone.{name}': torch.full_like(value, 3.0) for name, value in Toy().state_dict().items()}
    torch.save(weights, path)
    toy = Toy({'type': 'Pretrained', 'checkpoint': path, 'prefix': 'backbone.'})
    toy.init_weights()
    assert values(toy.fc) == values(toy.child[0]) == {3.0}
    assert PretrainedInit(path)._get_init_info().endswith(path)


def test_init_weights_runs_once() -> None:
    toy = Toy({'type': 'Constant', 'val': 1, 'layer': 'Linear'})
    toy.init_weights()
    toy.fc.weight.data.fill_(4)
    toy.init_weights()
    assert values(toy.fc) == {4.0}
    fresh = Toy({'type': 'Constant', 'val': 1, 'layer': 'Linear'})
    fresh.child.is_init = True
    fresh.child.init_cfg = {'type': 'Constant', 'val': 2, 'layer': 'Linear'}
    fresh.init_weights()
    assert values(fresh.child[0]) == {1.0}
    assert not any(hasattr(module, '_params_init_info') for module in fresh.modules())


def test_own_init_weights_of_children_are_called_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(1, 1)

        def init_weights(self) -> None:
            self.fc.weight.data.fill_(6)

    model = BaseModule({'type': 'Constant', 'val': 1, 'layer': 'Linear'})
    model.own, model.other, model.plain = Own(), nn.Linear(1, 1), nn.Conv2d(1, 1, 1)
    seen: dict[str, str] = {}
    dump = model._dump_init_info
    model._dump_init_info = lambda: seen.update(  # type: ignore[method-assign]
        {n: model._params_init_info[p]['init_info'] for n, p in model.named_parameters()}
    )
    model.init_weights()
    assert values(model.own.fc) == {6.0}
    assert 'Own' in seen['own.fc.weight'] and 'ConstantInit: val=1' in seen['other.weight']
    assert 'not changed' in seen['plain.weight']
    assert callable(dump)


def test_report_goes_to_the_log_file(tmp_path: Path) -> None:
    logger = MMLogger.get_instance('init_report', log_file=str(tmp_path / 'run.log'), log_level='INFO')
    try:
        toy = Toy({'type': 'Constant', 'val': 1, 'layer': 'Linear'})
        toy.init_weights()
        text = (tmp_path / 'run.log').read_text()
        assert 'fc.weight - (4, 4): ConstantInit: val=1' in text
    finally:
        for handler in list(logger.handlers):
            handler.close()
        MMLogger._instance_dict.pop('init_report')


def test_replaced_parameters_are_noticed() -> None:
    class Replaces(BaseModule):
        def init_weights(self) -> None:
            self.fc = nn.Linear(2, 2)

    parent = BaseModule()
    parent.child = Replaces()
    with pytest.raises(RuntimeError, match='Replaces'):
        parent.init_weights()
    assert not hasattr(parent, '_params_init_info')


def test_own_initialiser() -> None:
    class Ones(BaseInit):
        def __call__(self, module: nn.Module) -> None:
            for param in module.parameters():
                nn.init.ones_(param)
            if hasattr(module, '_params_init_info'):
                update_init_info(module, init_info=self._get_init_info())

    WEIGHT_INITIALIZERS.register_module('OnesForTest', module=Ones)
    try:
        toy = Toy({'type': 'OnesForTest'})
        toy.init_weights()
        assert values(toy.fc) == {1.0}
    finally:
        WEIGHT_INITIALIZERS.module_dict.pop('OnesForTest')


def test_containers() -> None:
    cfg = {'type': 'Constant', 'val': 1, 'layer': 'Linear'}
    layers = [nn.Linear(1, 1), nn.Linear(1, 1)]
    for container in (
        Sequential(*layers, init_cfg=cfg),
        ModuleList(layers, init_cfg=cfg),
        ModuleDict({'a': layers[0], 'b': layers[1]}, init_cfg=cfg),
    ):
        for layer in layers:
            layer.weight.data.zero_()
        container.init_weights()
        assert values(layers[0]) == values(layers[1]) == {1.0}
        assert 'init_cfg=' in repr(container)
    assert Sequential(*layers)(torch.ones(1, 1)).shape == (1, 1)
    assert isinstance(Sequential()(torch.ones(1)), torch.Tensor) and len(ModuleList()) == len(ModuleDict()) == 0


def test_init_cfg_is_copied_and_checked() -> None:
    cfg = {'type': 'Constant', 'val': 1, 'layer': 'Linear'}
    module = BaseModule(cfg)
    cfg['val'] = 2
    assert module.init_cfg == {'type': 'Constant', 'val': 1, 'layer': 'Linear'}
    with pytest.raises(TypeError, match='init_cfg'):
        BaseModule(['Constant']).init_weights()  # type: ignore[list-item]
    assert logging.getLogger('mmengine') is not None
