"""Files that are whole or absent."""

import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def atomic_write(path: str | Path, mode: str = 'wb', encoding: str | None = None) -> Iterator[IO[Any]]:
    """Open a file for writing that appears under its name, or replaces the one there, when the block ends.

    The data goes to a temporary file in the same folder, which is flushed to the disk and then renamed.
    Whatever fails (a full disk, an exception in the block, an interrupt), the temporary file is removed and
    what stood at `path` stays as it was. Symbolic links are followed. Missing folders are an error.

    Args:
        mode: `'wb'` or `'w'`.

    Raises:
        OSError: naming `path`, not the temporary file.
    """
    if mode not in ('w', 'wb'):
        raise ValueError(f"mode should be 'w' or 'wb', but got {mode!r}")
    encoding = encoding or (None if 'b' in mode else 'utf-8')
    target = os.path.realpath(path)
    if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        with open(target, mode, encoding=encoding) as file:  # a device or a pipe is not to be replaced
            yield file
        return
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f'.{name[:100]}.{uuid.uuid4().hex[:8]}.tmp')
    try:
        # os.open applies the umask, which tempfile does not.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, 'O_BINARY', 0), 0o666)
        with open(descriptor, mode, encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException as e:
        if os.path.exists(temporary):
            os.remove(temporary)
        if isinstance(e, OSError) and e.errno is not None and e.filename in (None, temporary):
            e.filename, e.filename2 = str(path), None
        else:
            e.add_note(f'while writing {path}; what stood there before is unchanged')
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make a rename survive a power failure, where the system can."""
    if os.name != 'posix':
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems cannot; the file itself is safe
    finally:
        os.close(descriptor)
