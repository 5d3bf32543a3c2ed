"""The public names of each package are pinned: a change of them is a decision, not an accident.

`python tests/architecture/test_public_surface.py` writes the list anew after a wanted change.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

PINNED = Path(__file__).with_name('public_surface.json')
PACKAGES = [
    'mmengine.analysis',
    'mmengine.checkpoint',
    'mmengine.config',
    'mmengine.dataset',
    'mmengine.device',
    'mmengine.dist',
    'mmengine.evaluator',
    'mmengine.fileio',
    'mmengine.hooks',
    'mmengine.hub',
    'mmengine.infer',
    'mmengine.logging',
    'mmengine.model',
    'mmengine.optim',
    'mmengine.registry',
    'mmengine.runner',
    'mmengine.strategies',
    'mmengine.structures',
    'mmengine.testing',
    'mmengine.utils',
    'mmengine.visualization',
    'mmcv',
    'mmcv.cnn',
    'mmcv.image',
    'mmcv.ops',
    'mmcv.transforms',
    'mmcv.video',
    'mmcv.visualization',
    'mmseg',
    'mmseg.apis',
    'mmseg.datasets',
    'mmseg.datasets.transforms',
    'mmseg.engine',
    'mmseg.evaluation',
    'mmseg.models',
    'mmseg.registry',
    'mmseg.structures',
    'mmseg.utils',
    'mmseg.visualization',
]


def public_names(package: str) -> list[str]:
    return sorted(importlib.import_module(package).__all__)


@pytest.mark.parametrize('package', PACKAGES)
def test_public_names_are_the_pinned_ones(package: str) -> None:
    pinned = json.loads(PINNED.read_text())[package]
    names = public_names(package)
    assert names == pinned, f'new: {sorted(set(names) - set(pinned))}, gone: {sorted(set(pinned) - set(names))}'


@pytest.mark.parametrize('package', PACKAGES)
def test_every_public_name_exists(package: str) -> None:
    module = importlib.import_module(package)
    assert [n for n in module.__all__ if not hasattr(module, n)] == []


if __name__ == '__main__':
    PINNED.write_text(json.dumps({p: public_names(p) for p in PACKAGES}, indent=1) + '\n')
