"""Names of the config style with `read_base()`; such configs are refused with a clear message for now."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def read_base() -> Iterator[None]:
    """Marks the imports of a config that are its bases. Outside of a config it does nothing."""
    yield


class LazyObject:
    """A name to be imported when it is built.

    Args:
        module: dotted path of the module.
        imported: the name in it; None for the module itself.
        location: file and line of the import.
    """

    def __init__(self, module: str, imported: str | None = None, location: str | None = None) -> None:
        if not isinstance(module, str):
            raise TypeError(f'module should be a str, but got {module!r}')
        self._module = module
        self._imported = imported
        self.location = location

    def build(self) -> Any:
        """Import it."""
        module = importlib.import_module(self._module)
        return module if self._imported is None else getattr(module, self._imported)

    @property
    def dotted(self) -> str:
        return self._module if self._imported is None else f'{self._module}.{self._imported}'

    def __repr__(self) -> str:
        return f'<LazyObject {self.dotted}>'
