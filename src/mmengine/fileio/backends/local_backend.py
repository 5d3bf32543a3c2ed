"""Files of this machine."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.fileio.atomic import atomic_write
from mmengine.fileio.backends.base import BaseStorageBackend
from mmengine.utils import mkdir_or_exist


class LocalBackend(BaseStorageBackend):
    """Local paths. What is written is whole or absent, and missing folders are made."""

    _allow_symlink = True

    def get(self, filepath: str | Path) -> bytes:
        with open(filepath, 'rb') as file:
            return file.read()

    def get_text(self, filepath: str | Path, encoding: str = 'utf-8') -> str:
        with open(filepath, encoding=encoding) as file:
            return file.read()

    def put(self, obj: bytes, filepath: str | Path) -> None:
        mkdir_or_exist(os.path.dirname(filepath))
        with atomic_write(filepath) as file:
            file.write(obj)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        mkdir_or_exist(os.path.dirname(filepath))
        with atomic_write(filepath, 'w', encoding=encoding) as file:
            file.write(obj)

    def exists(self, filepath: str | Path) -> bool:
        return os.path.exists(filepath)

    def isdir(self, filepath: str | Path) -> bool:
        return os.path.isdir(filepath)

    def isfile(self, filepath: str | Path) -> bool:
        return os.path.isfile(filepath)

    def join_path(self, filepath: str | Path, *filepaths: str | Path) -> str:
        return os.path.join(filepath, *filepaths)

    @contextmanager
    def get_local_path(self, filepath: str | Path) -> Iterator[str | Path]:
        """The path itself."""
        yield filepath

    def copyfile(self, src: str | Path, dst: str | Path) -> str:
        """Copy a file; returns where it lies, which is inside `dst` if that is a folder."""
        return str(shutil.copy(src, dst))

    def copytree(self, src: str | Path, dst: str | Path) -> str:
        """Copy a folder. `FileExistsError` if `dst` exists."""
        return str(shutil.copytree(src, dst))

    copyfile_from_local = copyfile_to_local = copyfile
    copytree_from_local = copytree_to_local = copytree

    def remove(self, filepath: str | Path) -> None:
        os.remove(filepath)

    def rmtree(self, dir_path: str | Path) -> None:
        shutil.rmtree(dir_path)

    def copy_if_symlink_fails(self, src: str | Path, dst: str | Path) -> bool:
        """Make `dst` a link to `src`, or a copy where links are not possible; whether it is a link."""
        if os.path.islink(dst):
            os.remove(dst)
        try:
            os.symlink(os.path.abspath(src), dst)
        except OSError:
            self.copyfile(src, dst)
            return False
        return True

    def list_dir_or_file(
        self,
        dir_path: str | Path,
        list_dir: bool = True,
        list_file: bool = True,
        suffix: str | tuple[str, ...] | None = None,
        recursive: bool = False,
    ) -> Iterator[str]:
        """Paths below a folder, relative to it and in sorted order, without hidden files.

        Args:
            suffix: of the files wanted; only without `list_dir`.
        """
        check_suffix(suffix, list_dir)
        return self._walk(str(dir_path), '', list_dir, list_file, suffix, recursive)

    def _walk(
        self,
        root: str,
        prefix: str,
        list_dir: bool,
        list_file: bool,
        suffix: str | tuple[str, ...] | None,
        recursive: bool,
    ) -> Iterator[str]:
        with os.scandir(os.path.join(root, prefix)) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            path = os.path.join(prefix, entry.name)
            if entry.is_dir():
                if list_dir:
                    yield path
                if recursive:
                    yield from self._walk(root, path, list_dir, list_file, suffix, recursive)
            elif list_file and not entry.name.startswith('.') and (suffix is None or path.endswith(suffix)):
                yield path


def check_suffix(suffix: str | tuple[str, ...] | None, list_dir: bool) -> None:
    if suffix is not None and list_dir:
        raise TypeError('suffix selects files; set list_dir=False')
    if suffix is not None and not isinstance(suffix, str | tuple):
        raise TypeError(f'suffix should be a str or a tuple of str, but got {suffix!r}')
