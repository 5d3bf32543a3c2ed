from pathlib import Path

import pytest

from mmengine.utils import (
    check_file_exist,
    find_vcs_root,
    fopen,
    is_abs,
    is_filepath,
    mkdir_or_exist,
    scandir,
    symlink,
)


def test_scandir(tmp_path: Path) -> None:
    for name in ('b.py', 'A.PY', '.hidden.py', 'sub/c.py', 'sub/deep/d.txt'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert list(scandir(tmp_path)) == ['A.PY', 'b.py']
    assert list(scandir(tmp_path, recursive=True)) == ['A.PY', 'b.py', 'sub/c.py', 'sub/deep/d.txt']
    assert list(scandir(tmp_path, '.py', case_sensitive=False)) == ['A.PY', 'b.py']
    assert list(scandir(tmp_path, ('.txt', '.c'), recursive=True)) == ['sub/deep/d.txt']
    with pytest.raises(TypeError):
        scandir(3)
    with pytest.raises(TypeError):
        scandir(tmp_path, 3)


def test_mkdir_and_files(tmp_path: Path) -> None:
    mkdir_or_exist('')
    mkdir_or_exist(tmp_path / 'a/b')
    mkdir_or_exist(tmp_path / 'a/b')
    with fopen(tmp_path / 'a/b/f.txt', 'w') as file:
        file.write('x')
    check_file_exist(tmp_path / 'a/b/f.txt')
    with pytest.raises(FileNotFoundError, match='is not there'):
        check_file_exist(tmp_path / 'no', '{} is not there')
    with pytest.raises(ValueError):
        fopen(3)


def test_symlink_replaces(tmp_path: Path) -> None:
    for name in 'xy':
        (tmp_path / name).write_text(name)
    for name in 'xy':
        symlink(tmp_path / name, tmp_path / 'link')
    assert (tmp_path / 'link').read_text() == 'y'
    with pytest.raises(FileExistsError):
        symlink(tmp_path / 'x', tmp_path / 'link', overwrite=False)


def test_kinds_of_paths(tmp_path: Path) -> None:
    assert is_filepath('a') and is_filepath(Path('a')) and not is_filepath(3)
    assert is_abs('/a') and is_abs('s3://bucket/a') and not is_abs('a/b')


def test_vcs_root(tmp_path: Path) -> None:
    (tmp_path / '.marker').mkdir()
    (tmp_path / 'a/b').mkdir(parents=True)
    assert find_vcs_root(tmp_path / 'a/b', markers=('.marker',)) == str(tmp_path)
    assert find_vcs_root(tmp_path, markers=('.no-such-marker',)) is None
