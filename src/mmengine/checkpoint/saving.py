"""Writing checkpoints, whole or not at all, and finding the last one."""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mmengine.fileio import LocalBackend, atomic_write, exists, get_file_backend, get_text, join_path, put
from mmengine.logging import print_log
from mmengine.utils.errors import CheckpointError


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


def is_whole(path: str | Path) -> bool:
    """Whether a local checkpoint was written to its end, as far as can be told without reading it."""
    try:
        with open(path, 'rb') as file:
            start = file.read(2)
            if start == b'PK':
                # The list of contents is at the end, so that a file that was cut off has none.
                with zipfile.ZipFile(file) as archive:
                    return any(name.endswith('data.pkl') for name in archive.namelist())
            return start[:1] == b'\x80'
    except (OSError, zipfile.BadZipFile):
        return False


def find_latest_checkpoint(path: str | Path) -> str | None:
    """The checkpoint to resume from in a work dir: what `last_checkpoint` names, or else the newest whole one.

    None where there is none. A checkpoint that moved with its work dir is found in it.
    """
    folder = str(path)
    if not isinstance(get_file_backend(folder), LocalBackend):
        note = join_path(folder, 'last_checkpoint')
        if exists(note):
            return get_text(note).strip()
        print_log(f'{folder} has no last_checkpoint to resume from.', logger='current')
        return None
    named = ''
    if os.path.isfile(os.path.join(folder, 'last_checkpoint')):
        with open(os.path.join(folder, 'last_checkpoint'), encoding='utf-8', errors='replace') as file:
            named = file.read().strip('\0 \t\r\n')
    if '://' in named:
        return named
    if named:
        for candidate in (named, os.path.join(folder, os.path.basename(named))):
            if is_whole(candidate) or os.path.isdir(candidate):  # a folder: a sharded checkpoint
                return candidate
    found = _newest_whole(folder)
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


def _newest_whole(folder: str) -> str | None:
    if not os.path.isdir(folder):
        return None
    steps = [entry.path for entry in os.scandir(folder) if re.search(r'(?:epoch|iter)_\d+\.pth$', entry.name)]
    steps = [path for path in steps if not os.path.basename(path).startswith('best_')]
    for candidate in sorted(steps, key=lambda p: (os.path.getmtime(p), _number(p)), reverse=True):
        if is_whole(candidate):
            return candidate
    return None


def _number(path: str) -> int:
    return int(re.findall(r'\d+', os.path.basename(path))[-1])
