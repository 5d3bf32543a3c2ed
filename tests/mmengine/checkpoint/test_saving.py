"""A checkpoint is whole or absent."""

import errno
import os
from pathlib import Path

import pytest
import torch

from mmengine.checkpoint import find_latest_checkpoint, is_whole, load_from_local, save_checkpoint
from mmengine.utils.errors import CheckpointError

CHECKPOINT = {'meta': {'epoch': 1}, 'state_dict': {'a': torch.arange(5000.0)}}


def test_folders_are_made_and_only_the_file_is_left(tmp_path):
    save_checkpoint(CHECKPOINT, tmp_path / 'a' / 'b.pth')
    assert os.listdir(tmp_path / 'a') == ['b.pth']
    loaded = load_from_local(str(tmp_path / 'a' / 'b.pth'))
    assert torch.equal(loaded['state_dict']['a'], CHECKPOINT['state_dict']['a'])


def _disk_full(monkeypatch):
    # The disk is full when a file is written, or only when it is flushed to the disk.
    def fail(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', fail)


def _write_fails(monkeypatch):
    def save(obj, file):
        file.write(b'half')
        try:
            raise OSError(errno.ENOSPC, 'No space left on device')
        except OSError:
            raise RuntimeError('unexpected pos 704 vs 598')  # noqa: B904  this is what torch does

    monkeypatch.setattr(torch, 'save', save)


@pytest.mark.parametrize('fail', [_disk_full, _write_fails])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, fail):
    path = tmp_path / 'a.pth'
    save_checkpoint(CHECKPOINT, path)
    before = path.read_bytes()
    fail(monkeypatch)
    with pytest.raises(CheckpointError, match=r'a\.pth: No space left on device \([\d,]+ MiB free in ') as raised:
        save_checkpoint({'other': torch.zeros(3)}, path)
    assert raised.value.__cause__ is not None
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['a.pth']


def test_what_cannot_be_pickled_leaves_the_old_file(tmp_path):
    path = tmp_path / 'a.pth'
    save_checkpoint(CHECKPOINT, path)
    with pytest.raises(Exception, match='lambda'):
        save_checkpoint({'f': lambda: 0}, path)
    assert load_from_local(str(path))['meta'] == {'epoch': 1}
    assert os.listdir(tmp_path) == ['a.pth']


def test_remote_files_go_through_the_file_backend():
    fsspec = pytest.importorskip('fsspec')
    save_checkpoint(CHECKPOINT, 'memory://runs/a.pth', backend_args={'backend': 'fsspec'})
    with fsspec.filesystem('memory').open('/runs/a.pth') as file:
        assert torch.load(file, weights_only=True)['meta'] == {'epoch': 1}


def test_old_and_new_arguments_exclude_each_other(tmp_path):
    with pytest.raises(ValueError, match='backend_args'):
        save_checkpoint({}, tmp_path / 'a', file_client_args={'backend': 'local'}, backend_args={'backend': 'local'})


@pytest.fixture
def work_dir(tmp_path):
    for i in (1, 2, 3):
        save_checkpoint(CHECKPOINT, tmp_path / f'epoch_{i}.pth')
        os.utime(tmp_path / f'epoch_{i}.pth', (i, i))
    save_checkpoint(CHECKPOINT, tmp_path / 'best_acc_epoch_1.pth')
    return tmp_path


def _named(folder: Path, name: str) -> None:
    (folder / 'last_checkpoint').write_text(name)


def test_the_named_checkpoint_is_the_latest(work_dir):
    _named(work_dir, str(work_dir / 'epoch_2.pth'))
    assert find_latest_checkpoint(work_dir) == str(work_dir / 'epoch_2.pth')
    _named(work_dir, '/moved/from/epoch_2.pth\n')
    assert find_latest_checkpoint(str(work_dir)) == str(work_dir / 'epoch_2.pth')


@pytest.mark.parametrize('keep', [0, 10, 2000, -1])
def test_a_broken_one_is_passed_over_and_said_to_be(work_dir, capsys, keep):
    last = work_dir / 'epoch_3.pth'
    last.write_bytes(last.read_bytes()[:keep])
    os.utime(last, (3, 3))
    assert not is_whole(last)
    _named(work_dir, str(last))
    assert find_latest_checkpoint(work_dir) == str(work_dir / 'epoch_2.pth')
    captured = capsys.readouterr()
    assert 'broken or gone' in captured.out + captured.err


@pytest.mark.parametrize('content', [None, '', '\0\0\0'])
def test_a_last_checkpoint_that_was_not_written(work_dir, content):
    if content is not None:
        _named(work_dir, content)
    assert find_latest_checkpoint(work_dir) == str(work_dir / 'epoch_3.pth')


def test_nothing_to_resume_from(tmp_path):
    assert find_latest_checkpoint(tmp_path) is None
    assert find_latest_checkpoint(tmp_path / 'none') is None
    _named(tmp_path, '/gone/epoch_3.pth')
    assert find_latest_checkpoint(tmp_path) == '/gone/epoch_3.pth'


def test_old_files_count_as_whole(tmp_path):
    torch.save(CHECKPOINT, tmp_path / 'a.pth', _use_new_zipfile_serialization=False)
    assert is_whole(tmp_path / 'a.pth')
    assert not is_whole(tmp_path)
