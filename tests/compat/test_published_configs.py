"""Every config of the published wheel, bases included: the values of the reference, and a dump that loads again."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.published import published_configs

from mmengine.config import Config
from mmengine.config.static import load_static
from mmengine.config.static_values import NotEvaluated

PARITY = Path(__file__).resolve().parents[2].parent / 'shared' / 'parity'

pytestmark = pytest.mark.compat


@pytest.fixture(scope='module')
def loaded() -> dict[str, Config]:
    folder = published_configs()
    paths = sorted(folder.rglob('*.py'))
    assert len(paths) == 769 and sum('_base_' not in p.parts for p in paths) == 681
    return {str(p.relative_to(folder)): Config.fromfile(p, import_custom_modules=False) for p in paths}


@pytest.fixture(scope='module')
def recipe() -> Any:
    if not PARITY.is_dir():
        pytest.skip('the numbers of the reference (`shared/parity`) are not beside the repository')
    spec = importlib.util.spec_from_file_location('parity_recipe', PARITY / 'recipe.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_values_are_those_of_the_reference(loaded: dict[str, Config], recipe: Any) -> None:
    records = [json.loads(line) for line in (PARITY / 'configs.jsonl').read_text().splitlines()]
    assert {r['config'] for r in records} == set(loaded)
    different = []
    for record in records:
        values = recipe.canonical(loaded[record['config']].to_dict())
        text = json.dumps(values, sort_keys=True, ensure_ascii=True, separators=(',', ':'))
        if hashlib.sha256(text.encode()).hexdigest() != record['sha256']:
            different.append(record['config'])
    assert not different


def test_a_dump_loads_to_the_same(loaded: dict[str, Config], tmp_path: Path) -> None:
    for name, cfg in loaded.items():
        cfg.dump(tmp_path / 'dumped.py')
        again = Config.fromfile(tmp_path / 'dumped.py', import_custom_modules=False)
        assert again.to_dict() == cfg.to_dict(), name


def test_every_leaf_has_an_origin(loaded: dict[str, Config]) -> None:
    def leaves(node: Any, path: str = '') -> Any:
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else None
        if items is None:
            yield path
            return
        for key, value in items:
            yield from leaves(value, f'{path}.{key}' if path else str(key))

    for name in [n for n in loaded if '_base_' not in n][::10]:
        for key in leaves(loaded[name].to_dict()):
            origin = loaded[name].origin(key)
            assert origin is not None and origin.line > 0 and Path(origin.file).is_file(), (name, key)


def test_reading_without_running_gives_the_same_or_says_where_it_stopped(loaded: dict[str, Config]) -> None:
    folder = published_configs()
    for name, cfg in loaded.items():
        values, stops = load_static(folder / name)
        if not any('.update(' in what for _, _, what in stops):
            assert equal_where_known(cfg.to_dict(), values.to_dict(), bool(stops)), name


def equal_where_known(a: Any, b: Any, stopped: bool) -> bool:
    if isinstance(b, NotEvaluated):
        return stopped
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal_where_known(a[k], b[k], stopped) for k in a)
    if type(a) in (list, tuple) and type(a) is type(b):
        return len(a) == len(b) and all(equal_where_known(x, y, stopped) for x, y in zip(a, b, strict=True))
    return bool(a == b)
