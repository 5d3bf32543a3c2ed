"""Writing checkpoints, whole or not at all, and finding the last one."""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mmengine.fileio import LocalBackend, atomic_write, exists, get, get_file_backend, join_path, put
from mmengine.logging import print_log
from mmengine.utils.errors import CheckpointError

from .verifying import damage, is_whole

_STEP = re.compile(r'(epoch|iter)_\d+\.pth$')


def save_checkpoint(
    checkpoint: Mapping[str, Any],
    filename: str | Path,
    file_client_args: dict | None = None,
    backend_args: dict | None = None,
) -> None:
    """Write a checkpoint. What stood under its name is replaced at the end, in one step, or stays as it was.

    Raises:
        CheckpointError: it could not be written; names the path and the free space.
    """
    if file_client_args is not None and backend_args is not None:
        raise ValueError('file_client_args is the former name of backend_args; give only backend_args')
    backend_args = backend_args or file_client_args
    if not isinstance(get_file_backend(filename, backend_args=backend_args), LocalBackend):
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        put(buffer.getvalue(), filename, backend_args=backend_args)
        return
    path = Path(filename).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            torch.save(checkpoint, file)
    except (OSError, RuntimeError) as e:
        cause = _os_error(e)
        if cause is None:
            raise
        raise CheckpointError(
            f'could not write the checkpoint {path}: {cause.strerror or cause} ({_free_space(path)}). '
            'What stood there before is unchanged.'
        ) from e


def _os_error(error: BaseException | None) -> OSError | None:
    """The error of the system among an error and those that it came from; torch hides it behind its own."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _free_space(path: Path) -> str:
    folder = next((p for p in path.absolute().parents if p.exists()), Path('/'))
    return f'{shutil.disk_usage(folder).free / 2**20:,.0f} MiB free in {folder}'


def find_latest_checkpoint(path: str | Path) -> str | None:
    """The checkpoint to resume from in a work dir: what `last_checkpoint` names, or else the newest whole one.

    None where there is none. A checkpoint that moved with its work dir is found in it. Files are read to their end and
    their checksums compared (about 0.2 s for 500 MB in the memory of the system).
    """
    folder = str(path)
    named = _named_in(folder)
    for candidate in (named, join_path(folder, re.split(r'[/\\]', named)[-1])) if named else ():
        if _whole_anywhere(candidate):
            return candidate
    home = named.rpartition('/')[0] if '://' in named else folder
    found = _newest_whole(home)
    if found is not None:
        reason = f'names {named!r}, which is broken or gone' if named else 'is missing or empty'
        print_log(
            f'last_checkpoint in {folder} {reason}; the newest whole checkpoint is {found}.',
            logger='current',
            level=logging.WARNING,
        )
        return found
    if not named:
        print_log(f'{folder} has no checkpoint to resume from.', logger='current')
        return None
    return named  # so that loading says what is wrong with it


def _named_in(folder: str) -> str:
    note = join_path(folder, 'last_checkpoint')
    if not exists(note):
        return ''
    return get(note).decode('utf-8', 'replace').strip('\0 \t\r\n')


def _whole_anywhere(path: str) -> bool:
    if isinstance(get_file_backend(path), LocalBackend):
        return is_whole(path)
    return exists(path) and not damage(io.BytesIO(get(path)))


def _newest_whole(folder: str) -> str | None:
    backend = get_file_backend(folder)
    local = isinstance(backend, LocalBackend)
    if not backend.isdir(folder):
        return None
    names = os.listdir(folder) if local else backend.list_dir_or_file(folder, list_dir=False)
    names = [name for name in names if _STEP.search(name) and not name.startswith('best_')]

    def order(name: str) -> tuple[float, int]:
        number = int(re.findall(r'\d+', name)[-1])
        # Numbers do not jump as clocks do; but epochs and iterations (where a run was interrupted) are not comparable.
        mixed = len({_STEP.findall(each)[0] for each in names}) > 1
        return (os.path.getmtime(join_path(folder, name)) if local and mixed else 0, number)

    candidates = (join_path(folder, name) for name in sorted(names, key=order, reverse=True))
    return next(filter(_whole_anywhere, candidates), None)
