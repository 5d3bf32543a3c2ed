"""Every config of the published mmsegmentation wheel loads to the values of the reference, and survives a dump."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mmengine.config import Config

PARITY = Path(__file__).resolve().parents[3].parent / 'shared' / 'parity'
WHEEL = 'mmsegmentation==1.2.2'

pytestmark = pytest.mark.compat


@pytest.fixture(scope='module')
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the published configs."""
    folder = tmp_path_factory.mktemp('published')
    command = [sys.executable, '-m', 'pip', 'download', '--no-deps', '--quiet', '--dest', str(folder), WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f'{WHEEL} cannot be downloaded: {done.stderr.strip()[-300:]}')
    with zipfile.ZipFile(next(folder.glob('*.whl'))) as wheel:
        wheel.extractall(folder)
    return folder / 'mmseg' / '.mim' / 'configs'


@pytest.fixture(scope='module')
def records() -> list[dict[str, Any]]:
    if not (PARITY / 'configs.jsonl').is_file():
        pytest.skip(f'the numbers of the reference are not in {PARITY}')
    return [json.loads(line) for line in (PARITY / 'configs.jsonl').read_text().splitlines()]


@pytest.fixture(scope='module')
def canonical() -> Any:
    spec = importlib.util.spec_from_file_location('parity_recipe', PARITY / 'recipe.py')
    assert spec is not None and spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    return recipe.canonical


def test_published_configs_have_the_values_of_the_reference(configs: Path, records: list, canonical: Any) -> None:
    assert len(records) > 600
    different = []
    for record in records:
        values = canonical(Config.fromfile(configs / record['config'], import_custom_modules=False).to_dict())
        text = json.dumps(values, sort_keys=True, ensure_ascii=True, separators=(',', ':'))
        if hashlib.sha256(text.encode()).hexdigest() != record['sha256']:
            different.append(record['config'])
    assert not different


def test_published_configs_survive_a_dump(configs: Path, records: list, tmp_path: Path) -> None:
    for record in records:
        cfg = Config.fromfile(configs / record['config'], import_custom_modules=False)
        cfg.dump(tmp_path / 'dumped.py')
        again = Config.fromfile(tmp_path / 'dumped.py', import_custom_modules=False)
        assert again.to_dict() == cfg.to_dict(), record['config']


def test_every_leaf_of_the_published_configs_has_an_origin(configs: Path, records: list) -> None:
    def leaves(node: Any, path: str = '') -> Any:
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else None
        if items is None:
            yield path
            return
        for key, value in items:
            yield from leaves(value, f'{path}.{key}' if path else str(key))

    for record in records[::10]:
        cfg = Config.fromfile(configs / record['config'], import_custom_modules=False)
        for key in leaves(cfg.to_dict()):
            origin = cfg.origin(key)
            assert origin is not None and origin.line > 0 and Path(origin.file).is_file(), (record['config'], key)
