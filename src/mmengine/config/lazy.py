"""Names of the config style with `read_base()`; such configs are refused with a clear message for now."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.utils import is_seq_of
from mmengine.utils.errors import ConfigError


@contextmanager
def read_base() -> Iterator[None]:
    """Marks the imports of a config that are its bases. Outside of a config it does nothing."""
    yield


class LazyObject:
    """A name to be imported when it is built.

    Args:
        module: dotted path of the module; of several, all are imported and the first one counts.
        imported: the name in it; None for the module itself.
        location: file and line of the import.
    """

    def __init__(
        self, module: str | list[str] | tuple[str, ...], imported: str | None = None, location: str | None = None
    ) -> None:
        modules = [module] if isinstance(module, str) else module
        if not modules or not is_seq_of(modules, str):
            raise TypeError(f'module should be a str or a list of str, but got {module!r}')
        self._modules = list(modules)
        self._imported = imported
        self.location = location

    def build(self) -> Any:
        """Import it.

        Raises:
            ConfigError: it cannot be imported.
        """
        try:
            module = [importlib.import_module(name) for name in self._modules][0]
            return module if self._imported is None else getattr(module, self._imported)
        except (ImportError, AttributeError) as error:
            place = f'\n  at {self.location}' if self.location else ''
            raise ConfigError(f'{self!r} cannot be imported: {error}{place}') from error

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise ConfigError(f'{self!r} cannot be called in a config; write dict(type=..., ...) and have it built')

    @property
    def module(self) -> str:
        return self._modules[0]

    def __repr__(self) -> str:
        return f'<LazyObject {self.module if self._imported is None else f"{self.module}.{self._imported}"}>'
