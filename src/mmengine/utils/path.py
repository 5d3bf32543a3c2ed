"""Local paths."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


def is_filepath(x: Any) -> bool:
    return isinstance(x, str | Path)


def is_abs(path: str | Path) -> bool:
    """Whether a path is absolute or a URI of the object stores and hosts that configs use."""
    return os.path.isabs(path) or str(path).startswith(('http://', 'https://', 's3://', 'petrel://'))


def fopen(filepath: str | Path, *args: Any, **kwargs: Any) -> IO[Any]:
    if not is_filepath(filepath):
        raise ValueError(f'filepath should be a str or a Path, but got {type(filepath).__name__}: {filepath!r}')
    return open(filepath, *args, **kwargs)


def check_file_exist(filename: str | Path, msg_tmpl: str = 'file "{}" does not exist') -> None:
    if not os.path.isfile(filename):
        raise FileNotFoundError(msg_tmpl.format(filename))


def mkdir_or_exist(dir_name: str | Path, mode: int = 0o777) -> None:
    """Make a folder and its parents; an empty name is the current folder."""
    if dir_name != '':
        os.makedirs(os.path.expanduser(dir_name), mode=mode, exist_ok=True)


def symlink(src: str | Path, dst: str | Path, overwrite: bool = True, **kwargs: Any) -> None:
    """Make `dst` a symbolic link to `src`; with `overwrite` it replaces what is at `dst`."""
    if overwrite and os.path.lexists(dst):
        os.remove(dst)
    os.symlink(src, dst, **kwargs)


def scandir(
    dir_path: str | Path,
    suffix: str | tuple[str, ...] | None = None,
    recursive: bool = False,
    case_sensitive: bool = True,
) -> Iterator[str]:
    """Paths of the files below a folder, relative to it and in sorted order, without hidden files."""
    if not is_filepath(dir_path):
        raise TypeError(f'dir_path should be a str or a Path, but got {type(dir_path).__name__}: {dir_path!r}')
    if suffix is not None and not isinstance(suffix, str | tuple):
        raise TypeError(f'suffix should be a str or a tuple of str, but got {suffix!r}')
    if suffix is not None and not case_sensitive:
        suffix = suffix.lower() if isinstance(suffix, str) else tuple(item.lower() for item in suffix)
    return _scandir(str(dir_path), '', suffix, recursive, case_sensitive)


def _scandir(
    root: str, prefix: str, suffix: str | tuple[str, ...] | None, recursive: bool, case_sensitive: bool
) -> Iterator[str]:
    with os.scandir(os.path.join(root, prefix)) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = os.path.join(prefix, entry.name)
        if entry.is_file() and not entry.name.startswith('.'):
            if suffix is None or (path if case_sensitive else path.lower()).endswith(suffix):
                yield path
        elif recursive and entry.is_dir():
            yield from _scandir(root, path, suffix, recursive, case_sensitive)


def find_vcs_root(path: str | Path, markers: tuple[str, ...] = ('.git',)) -> str | None:
    """The nearest folder at or above `path` that holds one of the markers, or `None`."""
    start = Path(path).absolute()
    for folder in (start, *start.parents):
        if any((folder / marker).exists() for marker in markers):
            return str(folder)
    return None
