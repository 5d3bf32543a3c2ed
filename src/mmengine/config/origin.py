"""Where each value of a config comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

CODE = 'set in code'
CONFIG = '__config__'  # the name under which the code of configs runs


@dataclass(frozen=True, slots=True)
class Origin:
    """File and line that set a value, and the origin of what it replaced.

    `file` is absolute, or `--cfg-options`, or `set in code` for values assigned after loading. `line` is 0 for the
    latter two, and where it is not known.
    """

    file: str
    line: int
    overrides: Origin | None = None

    def __str__(self) -> str:
        path = Path(self.file)
        shown = (
            str(path.relative_to(Path.cwd())) if path.is_absolute() and path.is_relative_to(Path.cwd()) else self.file
        )
        return f'{shown}:{self.line}' if self.line else shown


def origin_of(node: Any, key: str | None = None) -> Origin | None:
    """The origin of `node[key]`, or of `node` itself; None for what is no part of a loaded config."""
    if key is not None:
        found = getattr(node, '_origins', {}).get(key)
        if found is not None:
            return found
    return getattr(node, '_origin', None)


def where(node: Any, key: str | None = None) -> str:
    """Key path and origin, as in `model.decode_head.num_classes (configs/a.py:12)`; '' where neither is known."""
    path = getattr(node, '_path', '') or ''
    if key is not None and (path or origin_of(node, key) is not None):
        path = f'{path}.{key!s}' if path else str(key)
    origin = origin_of(node, key)
    if origin is None:
        return ''
    return f'{path} ({origin})' if path else str(origin)
