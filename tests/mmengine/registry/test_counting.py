"""Looking over all registries, and build functions with lists."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mmengine.registry import Registry, build_model_from_cfg
from mmengine.utils.errors import UnknownTypeError


def test_everything_registered_is_counted(tmp_path: Path) -> None:
    # In a process of its own, since every location is imported.
    code = f'from mmengine.registry import count_registered_modules as c; c({str(tmp_path)!r}, verbose=False)'
    subprocess.run([sys.executable, '-c', code], check=True)
    result = json.loads((tmp_path / 'modules_statistic_results.json').read_text())
    hooks = result['registries']['HOOKS'][0]
    assert result['scan_date'] and hooks['scope'] == 'mmengine'
    names = [name for folder, found in hooks.items() if isinstance(found, list) for name in found]
    assert hooks['num_modules'] == len(names) and {'CheckpointHook', 'LoggerHook'} <= set(names)


def test_lists_of_models_are_nested_in_order() -> None:
    from torch import nn

    registry = Registry('model', scope='s', build_func=build_model_from_cfg)
    registry.register_module(module=nn.Linear)
    built = registry.build([{'type': 'Linear', 'in_features': n, 'out_features': 2} for n in (3, 2)])
    assert isinstance(built, nn.Sequential) and [m.in_features for m in built] == [3, 2]
    assert isinstance(registry.build({'type': 'Linear', 'in_features': 1, 'out_features': 1}), nn.Linear)
    with pytest.raises(UnknownTypeError, match='Linear'):
        registry.build([{'type': 'Linaer'}])
