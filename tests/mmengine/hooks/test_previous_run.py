"""A second run in a folder does not overwrite the first; retention keeps the last whole checkpoint."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from helpers.toy import toy_runner

from mmengine.checkpoint import find_latest_checkpoint, is_whole
from mmengine.utils.errors import ConfigError


def options(**more: object) -> dict:
    return {'default_hooks': {'checkpoint': {'type': 'CheckpointHook', 'interval': 2, 'by_epoch': False, **more}}}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob('*.pth')}


def test_a_second_run_leaves_the_first(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    toy_runner(tmp_path, iters=6, **options()).train()
    first = contents(tmp_path)
    capsys.readouterr()
    toy_runner(tmp_path, iters=2, randomness={'seed': 8}, **options()).train()
    (previous,) = tmp_path.glob('previous_*')
    assert contents(previous) == first
    assert sorted(contents(tmp_path)) == ['iter_2.pth']
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'iter_2.pth')
    assert find_latest_checkpoint(previous) == str(previous / 'iter_6.pth')
    output = ''.join(capsys.readouterr())
    assert str(previous) in output and '--resume' in output


def test_a_run_that_goes_on_stays_in_its_folder(tmp_path: Path) -> None:
    toy_runner(tmp_path, iters=4, **options()).train()
    toy_runner(tmp_path, iters=6, resume=True, **options()).train()
    toy_runner(tmp_path, iters=8, resume=str(tmp_path / 'iter_6.pth'), **options()).train()
    assert sorted(contents(tmp_path)) == [f'iter_{n}.pth' for n in (2, 4, 6, 8)]
    assert not list(tmp_path.glob('previous_*'))


def test_a_run_that_goes_on_from_elsewhere_leaves_the_one_that_is_there(tmp_path: Path) -> None:
    toy_runner(tmp_path / 'a', iters=4, **options()).train()
    toy_runner(tmp_path / 'b', iters=6, **options()).train()
    there = contents(tmp_path / 'b')
    toy_runner(tmp_path / 'b', iters=6, resume=str(tmp_path / 'a' / 'iter_4.pth'), **options()).train()
    (previous,) = (tmp_path / 'b').glob('previous_*')
    assert contents(previous) == there


def test_a_separate_out_dir_is_kept_as_well(tmp_path: Path) -> None:
    more = options(out_dir=str(tmp_path / 'out'))
    toy_runner(tmp_path / 'run', iters=4, **more).train()
    first = contents(tmp_path / 'out' / 'run')
    toy_runner(tmp_path / 'run', iters=6, resume=True, **more).train()
    assert not list(tmp_path.rglob('previous_*'))
    toy_runner(tmp_path / 'run', iters=2, **more).train()
    (previous,) = (tmp_path / 'out' / 'run').glob('previous_*')
    assert first.items() <= contents(previous).items()


def test_remote_checkpoints(tmp_path: Path) -> None:
    fsspec = pytest.importorskip('fsspec')
    memory = fsspec.filesystem('memory')
    if memory.exists('/store'):
        memory.rm('/store', recursive=True)
    more = options(out_dir='memory://store', max_keep_ckpts=2)
    toy_runner(tmp_path / 'run', iters=6, **more).train()
    names = sorted(Path(path).name for path in memory.ls('/store/run', detail=False))
    assert names == ['iter_4.pth', 'iter_6.pth', 'last_checkpoint']
    with pytest.raises(ConfigError, match=r'store/run holds the checkpoints of another run'):
        toy_runner(tmp_path / 'run', iters=6, **more).train()
    # The newest is cut off in the store: the run goes on from the one before.
    data = memory.cat('/store/run/iter_6.pth')
    memory.pipe('/store/run/iter_6.pth', data[: len(data) // 2])
    assert find_latest_checkpoint(tmp_path / 'run') == 'memory://store/run/iter_4.pth'
    runner = toy_runner(tmp_path / 'run', iters=8, resume=True, **more)
    runner.train()
    assert runner.iter == 8 and memory.exists('/store/run/iter_8.pth')
    memory.rm('/store', recursive=True)


@pytest.mark.parametrize('async_save', [False, True])
def test_the_last_whole_one_is_never_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, async_save: bool) -> None:
    original = torch.save

    def cut_off(value: dict, file: object) -> None:
        # A file system that loses the end of what it says it has written.
        original(value, file)
        if value['meta']['iter'] >= 4:
            file.truncate(1000)  # type: ignore[attr-defined]

    monkeypatch.setattr(torch, 'save', cut_off)
    toy_runner(tmp_path, iters=6, **options(max_keep_ckpts=1, async_save=async_save)).train()
    assert {p.name: is_whole(p) for p in tmp_path.glob('*.pth')} == {
        'iter_2.pth': True,
        'iter_4.pth': False,
        'iter_6.pth': False,
    }
    assert find_latest_checkpoint(tmp_path) == str(tmp_path / 'iter_2.pth')
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'iter_2.pth')


def test_symlinks_are_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **__: object) -> None:
        raise OSError(95, 'Operation not supported')

    monkeypatch.setattr(os, 'symlink', none)
    monkeypatch.setattr(os, 'link', none)
    toy_runner(tmp_path, iters=2, **options()).train()
    assert find_latest_checkpoint(tmp_path) == str(tmp_path / 'iter_2.pth')
