"""timm is not installed where this runs: a module with its interface stands in for it."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from mmengine.utils.errors import MissingDependencyError
from mmseg.models import TIMMBackbone


class Features(nn.Module):
    def __init__(self, in_chans: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_chans, 4, 3, stride=2, padding=1)
        self.fc = nn.Linear(4, 10)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.stem(x)
        return [x, x[..., ::2, ::2]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    seen = SimpleNamespace()

    def create_model(model_name: str, **kwargs: Any) -> nn.Module:
        seen.name, seen.kwargs = model_name, kwargs
        return Features(kwargs['in_chans'])

    timm = ModuleType('timm')
    timm.create_model = create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, 'timm', timm)
    return seen


def test_arguments_and_features(asked: SimpleNamespace) -> None:
    model = TIMMBackbone('resnet18', pretrained=False, in_channels=4, out_indices=(0, 1), norm_layer='BN2d')
    assert asked.name == 'resnet18'
    assert asked.kwargs == {
        'features_only': True,
        'pretrained': False,
        'checkpoint_path': '',
        'in_chans': 4,
        'out_indices': (0, 1),
        'norm_layer': nn.BatchNorm2d,
    }
    assert [out.shape for out in model(torch.zeros(1, 4, 8, 8))] == [(1, 4, 4, 4), (1, 4, 2, 2)]
    assert not any('fc' in name for name, _ in model.named_parameters())


@pytest.mark.parametrize(('source', 'kept'), [({'pretrained': True}, True), ({'pretrained': False}, False)])
def test_pretrained_weights_are_not_initialised_again(asked: SimpleNamespace, source: dict, kept: bool) -> None:
    model = TIMMBackbone('x', **source, init_cfg={'type': 'Constant', 'layer': 'Conv2d', 'val': 3.0})
    model.init_weights()
    assert bool((model.timm_model.stem.weight == 3.0).all()) != kept


def test_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mmnext\[timm\]'"):
        TIMMBackbone('resnet18')
