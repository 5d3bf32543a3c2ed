"""Names of parameters, initial values and outputs are those of mmcv 2.1.0 (`reference_numbers.json`)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

import mmcv.cnn
import mmcv.cnn.bricks.transformer

HERE = Path(__file__).resolve()
RECIPE = HERE.parents[3].parent / 'shared' / 'parity' / 'recipe.py'
NUMBERS = json.loads((HERE.parent / 'reference_numbers.json').read_text())


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('name', NUMBERS)
def test_reference_numbers(name: str) -> None:
    if not RECIPE.exists():
        pytest.skip('the recipe of the reference numbers (shared/parity) is not there')
    cases = load(HERE.parent / 'cases.py')
    ns = SimpleNamespace(C=mmcv.cnn, T=mmcv.cnn.bricks.transformer)
    found, expected = cases.record(name, ns, load(RECIPE).fill), NUMBERS[name]
    assert found['state'] == expected['state']
    torch.testing.assert_close(torch.tensor(found['initial']), torch.tensor(expected['initial']))
    for ours, theirs in zip(found['outputs'], expected['outputs'], strict=True):
        if isinstance(theirs[0], list):
            assert ours[0] == theirs[0]
            ours, theirs = ours[1:], theirs[1:]
        torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), atol=1e-5, rtol=1e-5)
