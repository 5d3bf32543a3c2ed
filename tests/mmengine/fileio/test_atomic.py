import errno
import os
import stat

import pytest

from mmengine.fileio.atomic import atomic_write


def test_the_file_appears_whole_and_alone(tmp_path) -> None:
    path = tmp_path / 'a.bin'
    with atomic_write(path) as file:
        file.write(b'abc')
        assert not path.exists()
    assert path.read_bytes() == b'abc' and [item.name for item in tmp_path.iterdir()] == ['a.bin']
    with atomic_write(path, 'w') as file:
        file.write('ü')
    assert path.read_text('utf-8') == 'ü'
    with pytest.raises(ValueError, match='mode'), atomic_write(path, 'a'):
        pass


@pytest.mark.parametrize('error', [RuntimeError('broken'), KeyboardInterrupt()])
def test_after_a_failure_all_is_as_before(tmp_path, error) -> None:
    path = tmp_path / 'a.txt'
    path.write_text('before')
    with pytest.raises(type(error)) as caught, atomic_write(path, 'w') as file:
        file.write('half')
        raise error
    assert path.read_text() == 'before' and len(list(tmp_path.iterdir())) == 1
    assert any(str(path) in note for note in caught.value.__notes__)


def test_a_full_disk_names_the_path(tmp_path, monkeypatch) -> None:
    path = tmp_path / 'a.txt'

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space left on device') as caught, atomic_write(path, 'w') as file:
        file.write('x')
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_names_the_path(tmp_path) -> None:
    path = tmp_path / 'none' / 'a.txt'
    with pytest.raises(FileNotFoundError) as caught, atomic_write(path):
        pass
    assert caught.value.filename == str(path)


def test_an_error_of_the_block_keeps_its_own_path(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match='other'), atomic_write(tmp_path / 'a'):
        (tmp_path / 'other').read_text()


def test_permissions_links_and_devices(tmp_path) -> None:
    path, link = tmp_path / 'a.txt', tmp_path / 'link'
    umask = os.umask(0o027)
    try:
        with atomic_write(path) as file:
            file.write(b'1')
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    link.symlink_to(path)
    with atomic_write(link) as file:
        file.write(b'2')
    assert link.is_symlink() and path.read_bytes() == b'2' and stat.S_IMODE(path.stat().st_mode) == 0o600
    with atomic_write('/dev/null') as file:
        file.write(b'3')
    assert stat.S_ISCHR(os.stat('/dev/null').st_mode)
