"""A run that begins anew leaves the checkpoints that another run left in the same folder as they are."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from mmengine.fileio import LocalBackend, get_file_backend, join_path
from mmengine.utils.errors import ConfigError

_NAMES = r'(?:best_.*|interrupted_)?(?:epoch|iter)_\d+(?:-[0-9a-f]{8})?\.pth'


def checkpoints_in(folder: str, template: str) -> list[str]:
    """The names of the checkpoints of a run in a local folder, and of what names the last of them."""
    if not os.path.isdir(folder):
        return []
    own = re.sub(r'\\\{.*?\\\}', r'\\d+', re.escape(template))
    pattern = re.compile(f'{_NAMES}|(?:best_.*_)?{own}|last_checkpoint')
    return sorted(name for name in os.listdir(folder) if pattern.fullmatch(name))


def move_aside(folder: str, template: str) -> str | None:
    """Move the checkpoints in a local folder into a new folder in it; returns that, or None where there were none."""
    names = checkpoints_in(folder, template)
    if not names:
        return None
    stamp = time.strftime('%Y%m%d_%H%M%S')
    number = 0
    while (target := Path(folder, f'previous_{stamp}{f"_{number}" if number else ""}')).exists():
        number += 1
    target.mkdir()
    for name in names:
        os.rename(Path(folder, name), target / name)
    return str(target)


def remove_unfinished(folder: str) -> None:
    """Remove what a run that was killed while it saved left half written in a local folder."""
    if os.path.isdir(folder):
        for name in os.listdir(folder):
            if re.fullmatch(r'\..*\.pth\.[0-9a-f]{8}\.tmp', name):
                os.remove(Path(folder, name))


def refuse_remote(folder: str, backend_args: dict | None) -> None:
    """Raise where another run wrote to a remote folder, in which moving is copying."""
    backend = get_file_backend(folder, backend_args=backend_args)
    if isinstance(backend, LocalBackend):
        return
    if backend.exists(join_path(folder, 'last_checkpoint', backend_args=backend_args)):
        raise ConfigError(
            f'{folder} holds the checkpoints of another run, which this one would replace: go on with that run '
            '(--resume), choose another out_dir of CheckpointHook, or remove them'
        )
