"""What FSDPStrategy shards, and what it refuses; no processes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from helpers.toy import toy_runner
from torch import nn

from mmengine._strategy import FSDPStrategy
from mmengine.checkpoint.sharded import (
    is_sharded_checkpoint,
    load_sharded_checkpoint,
    save_sharded_checkpoint,
    unshard_checkpoint,
)
from mmengine.registry import STRATEGIES
from mmengine.strategies import SingleDeviceStrategy
from mmengine.utils.errors import CheckpointError, ConfigError


class Block(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(4, 4), nn.Linear(4, 4))


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(4, 4)
        self.layers = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(4, 100)


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        ({'shard': 'Block'}, ['layers.1', 'layers.0']),
        ({'shard': 'layers.0*'}, ['layers.0.1', 'layers.0.0']),
        ({'shard': ['stem', 'head']}, ['head', 'stem']),
        ({'min_params': 30}, ['head', 'layers.1', 'layers.0']),
        ({'min_params': 30, 'exclude': 'head'}, ['layers.1', 'layers.0']),
        ({'min_params': 400, 'shard': 'Block', 'exclude': ['layers.0']}, ['head', 'layers.1']),
        ({}, []),
    ],
)
def test_units(options: dict, expected: list[str]) -> None:
    model = Model()
    names = {module: name for name, module in model.named_modules()}
    assert [names[unit] for unit in FSDPStrategy(**options).units(model)] == expected


def test_unknown_names_and_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="'Blok'.*Block"):
        FSDPStrategy(shard='Blok').units(Model())
    with pytest.raises(ConfigError, match='auto_wrap_policy'):
        STRATEGIES.build({'type': 'FSDPStrategy', 'model_wrapper': {'auto_wrap_policy': {}}})
    with pytest.raises(ConfigError, match='state_dict_cfg'):
        FSDPStrategy(state_dict_cfg='half')
    with pytest.raises(ConfigError, match='process group'):
        FSDPStrategy().wrap(Model())
    assert FSDPStrategy(state_dict_cfg='local').sharded and not FSDPStrategy().sharded


def test_a_process_alone_trains_alone(tmp_path: Path) -> None:
    runner = toy_runner(tmp_path, strategy={'type': 'FSDPStrategy'}, iters=4)
    assert type(runner.strategy) is SingleDeviceStrategy
    runner.train()
    assert runner.iter == 4


def test_resume_takes_a_path_and_launcher_none(tmp_path: Path) -> None:
    toy_runner(tmp_path / 'a', iters=4).train()
    resumed = toy_runner(tmp_path / 'b', iters=6, resume=str(tmp_path / 'a' / 'iter_4.pth'), launcher=None)
    resumed.train()
    assert resumed.iter == 6 and len(resumed.model.seen) == 2 and resumed.launcher == 'none'


def test_a_folder_of_shards_is_whole_or_absent(tmp_path: Path) -> None:
    folder = tmp_path / 'x.pth'
    first = {'meta': {'iter': 1}, 'state_dict': {'w': torch.arange(6.0).view(2, 3), 'n': torch.tensor(3)}}
    save_sharded_checkpoint(first, folder)
    save_sharded_checkpoint({**first, 'meta': {'iter': 2}}, folder)
    assert is_sharded_checkpoint(folder) and [p.name for p in tmp_path.iterdir()] == ['x.pth']
    loaded = load_sharded_checkpoint(folder)
    assert loaded['meta'] == {'iter': 2} and torch.equal(loaded['state_dict']['w'], first['state_dict']['w'])
    assert loaded['state_dict']['n'] == 3

    for part in folder.glob('*.distcp'):
        part.write_bytes(part.read_bytes()[:50])
    with pytest.raises(CheckpointError, match=r'x\.pth cannot be read'):
        load_sharded_checkpoint(folder)
    (folder / 'run.pth').unlink()
    with pytest.raises(CheckpointError, match=r'run\.pth'):
        unshard_checkpoint(folder, tmp_path / 'file.pth')
    assert not (tmp_path / 'file.pth').exists()


# Calls what the module of an allowed class has imported.
HIDDEN = b'\x80\x04\x8c\x25torch.distributed.checkpoint.metadata\x8c\x09os.system\x93\x8c\x04true\x85R.'


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_a_list_of_shards_that_could_run_code_is_refused(tmp_path: Path) -> None:
    save_sharded_checkpoint({'w': torch.ones(2)}, tmp_path / 'x')
    (tmp_path / 'x' / '.metadata').write_bytes(pickle.dumps(Evil(tmp_path / 'ran')))
    with pytest.raises(CheckpointError, match='could run code'):
        load_sharded_checkpoint(tmp_path / 'x')
    assert not (tmp_path / 'ran').exists()
    (tmp_path / 'x' / '.metadata').write_bytes(HIDDEN)
    with pytest.raises(CheckpointError, match=r'os\.system, which could run code'):
        load_sharded_checkpoint(tmp_path / 'x')
    (tmp_path / 'x' / '.metadata').write_bytes(b'not a pickle')
    with pytest.raises(CheckpointError, match='metadata cannot be read'):
        load_sharded_checkpoint(tmp_path / 'x')
