"""An installed package with configs, metafiles and weights."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from mmengine.model import BaseModel
from mmengine.registry import MODELS


class HubModel(BaseModel):
    def __init__(self, width: int = 2, data_preprocessor: dict | None = None) -> None:
        super().__init__(data_preprocessor)
        self.fc = torch.nn.Linear(width, 1)

    def forward(self, inputs: torch.Tensor, data_samples: object = None, mode: str = 'tensor') -> torch.Tensor:
        return self.fc(inputs)


@pytest.fixture
def hub_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of the package `hubpkg`; its models `hub-small` (alias `hub`) and `hub-wide` have weights."""
    MODELS.register_module(module=HubModel, force=True)
    mim = tmp_path / 'hubpkg' / '.mim'
    (mim / 'configs' / 'small').mkdir(parents=True)
    (tmp_path / 'hubpkg' / '__init__.py').touch()
    (mim / 'configs' / 'small' / 'small.py').write_text("model = dict(type='mmengine.HubModel', width=3)\n")
    (mim / 'configs' / 'small' / 'bare.py').write_text("model = dict(type='mmengine.HubModel')\n")
    weights = tmp_path / 'small.pth'
    torch.save({'state_dict': {'fc.weight': torch.ones(1, 3), 'fc.bias': torch.ones(1)}}, weights)
    (mim / 'model-index.yml').write_text('Import:\n- configs/small/metafile.yml\n- configs/absent/metafile.yml\n')
    (mim / 'configs' / 'small' / 'metafile.yml').write_text(
        'Collections:\n- Name: Small\n'
        f'Models:\n- Name: hub-small\n  Alias: hub\n  Config: configs/small/small.py\n  Weights: {weights}\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    MODELS.module_dict.pop('HubModel')
    sys.modules.pop('hubpkg', None)
