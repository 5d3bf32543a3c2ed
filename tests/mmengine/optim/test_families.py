"""Optimizers of other packages are found by scope, at use."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from helpers.toy import assert_same, final_state, toy_runner

from mmengine.optim import build_optim_wrapper
from mmengine.optim.optimizer.families import OptimizerFamily
from mmengine.registry import OPTIMIZERS
from mmengine.utils.errors import UnknownTypeError


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package with an optimizer that keeps other weights to evaluate, as schedule-free ones do."""

    class Averaged(torch.optim.SGD):
        def __init__(self, params, lr=0.1):
            super().__init__(params, lr=lr)
            self._swap(True)

        def _swap(self, training):
            for group in self.param_groups:
                group['train_mode'] = training

        def _shift(self, by):
            with torch.no_grad():
                for group in self.param_groups:
                    for param in group['params']:
                        param.add_(by)

        def eval(self):
            if self.param_groups[0]['train_mode']:
                self._shift(-0.25)
                self._swap(False)

        def train(self):
            if not self.param_groups[0]['train_mode']:
                self._shift(0.25)
                self._swap(True)

        def step(self, closure=None):
            assert self.param_groups[0]['train_mode'], 'stepped with the weights to evaluate'
            return super().step(closure)

    module = ModuleType('foreign_optimizers')
    module.Averaged = Averaged
    monkeypatch.setitem(sys.modules, 'foreign_optimizers', module)
    OptimizerFamily('optimizer', parent=OPTIMIZERS, scope='foreign', locations=['foreign_optimizers'])
    yield module
    del OPTIMIZERS.children['foreign']


def test_an_optimizer_is_found_by_its_package(foreign) -> None:
    model = torch.nn.Linear(2, 1)
    wrapper = build_optim_wrapper(model, {'optimizer': {'type': 'foreign.Averaged', 'lr': 0.5}})
    assert type(wrapper.optimizer) is foreign.Averaged


def test_a_missing_package_says_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'timm', None)
    monkeypatch.setitem(OPTIMIZERS.children, 'timm', _fresh('timm', 'timm.optim'))
    with pytest.raises(UnknownTypeError, match='pip install timm'):
        OPTIMIZERS.build({'type': 'timm.Lamb', 'params': []})


def _fresh(scope: str, place: str) -> OptimizerFamily:
    family = OptimizerFamily('optimizer', scope=scope, locations=[place])
    family.parent = OPTIMIZERS
    return family


def test_evaluation_and_checkpoints_see_the_weights_to_evaluate_and_resuming_is_exact(foreign, tmp_path: Path) -> None:
    options = {'optim_wrapper': {'optimizer': {'type': 'foreign.Averaged', 'lr': 0.01}}, 'param_scheduler': None}
    whole = toy_runner(tmp_path / 'whole', iters=6, **options)
    whole.train()
    saved = torch.load(tmp_path / 'whole' / 'iter_6.pth', weights_only=False)['state_dict']['net.0.bias']
    assert torch.allclose(saved, whole.model.net[0].bias - 0.25, atol=1e-6)
    part = toy_runner(
        tmp_path / 'part', iters=6, load_from=str(tmp_path / 'whole' / 'iter_3.pth'), resume=True, **options
    )
    part.train()
    assert_same(final_state(part), final_state(whole))


def test_schedulefree(tmp_path: Path) -> None:
    pytest.importorskip('schedulefree')
    optimizer = {'type': 'schedulefree.AdamWScheduleFree', 'lr': 0.01}
    toy_runner(tmp_path, iters=6, optim_wrapper={'optimizer': optimizer}, param_scheduler=None).train()
