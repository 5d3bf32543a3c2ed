"""Say what is wrong with the files of a dataset before training starts. Local folders only; each is listed once."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable

from mmengine.utils.errors import DataError


def is_local(path: str, backend_args: dict | None) -> bool:
    """Whether `path` can be listed at no cost."""
    return '://' not in path and (backend_args is None or backend_args.get('backend') in ('local', 'disk'))


def _contents(folder: str, limit: int = 8) -> str:
    names = sorted(os.listdir(folder))
    if not names:
        return 'which is empty'
    more = f' and {len(names) - limit} more' if len(names) > limit else ''
    return f'which holds {", ".join(names[:limit])}{more}'


def check_folder(owner: str, path: str, key: str, data_root: str | None) -> None:
    """Raises:
    DataError: the folder is absent; names the path, the config keys it comes from, and what exists instead.
    """
    if os.path.isdir(path):
        return
    parent = os.path.abspath(path)
    while not os.path.isdir(parent):
        parent = os.path.dirname(parent)
    raise DataError(
        f'{owner}: the folder {path} does not exist. It comes from `data_root` ({data_root!r}) and `{key}`. '
        f'The nearest folder that exists is {parent}, {_contents(parent)}. '
        'Put or link the data there, or change these keys in the config.'
    )


def check_files(owner: str, paths: Iterable[str], what: str, origin: str) -> None:
    """Check that all `paths` exist, by one listing of each folder.

    Raises:
        DataError: with the number of absent files, the first ones, and the nearest name that does exist.
    """
    listings: dict[str, set[str]] = {}
    total, absent = 0, []
    for path in paths:
        total += 1
        folder, name = os.path.split(path)
        if folder not in listings:
            listings[folder] = set(os.listdir(folder or '.')) if os.path.isdir(folder or '.') else set()
        if name not in listings[folder]:
            absent.append(path)
    if not absent:
        return
    folder, name = os.path.split(absent[0])
    if not listings[folder]:
        there = f'the folder {folder} is empty or does not exist'
    else:
        # Names that begin alike come first: a wrong suffix is the usual case.
        begin = max(len(os.path.commonprefix([name, other])) for other in listings[folder])
        alike = [other for other in listings[folder] if other.startswith(name[:begin])]
        near = difflib.get_close_matches(name, alike, n=1, cutoff=0.0)
        there = f'the nearest file name there is {near[0]!r}'
    shown = ', '.join(absent[:3]) + (', …' if len(absent) > 3 else '')
    raise DataError(f'{owner}: {len(absent)} of {total} {what} do not exist: {shown}; {there}. {origin}')


def no_samples(owner: str, folder: str, suffix: str) -> DataError:
    """What to say of a folder without images of the suffix."""
    suffixes: dict[str, int] = {}
    for _, _, names in os.walk(folder):
        for name in names:
            ending = os.path.splitext(name)[1]
            suffixes[ending] = suffixes.get(ending, 0) + 1
    there = ', '.join(f'{n} files {ending or "without suffix"}' for ending, n in sorted(suffixes.items()))
    return DataError(
        f'{owner}: no file below {folder} ends in {suffix!r} (`img_suffix`); it holds {there or "nothing"}.'
    )
