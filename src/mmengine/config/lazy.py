"""Names that a config imports without importing: they know where they come from and are imported when asked for."""

from __future__ import annotations

import difflib
import importlib
import operator
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from mmengine.utils import is_seq_of
from mmengine.utils.errors import ConfigError

from .origin import Origin


@contextmanager
def read_base() -> Iterator[None]:
    """Marks the imports of a config that are its bases. Outside of a config it does nothing."""
    yield


class LazyImportError(ConfigError, ImportError):
    """What a config imports cannot be imported, now that it is needed."""


class Lazy:
    """A name that is not imported yet.

    An attribute of it is such a name again. It can be called, counted with, compared, subscripted, iterated over and
    derived from: then it is imported on the spot. Names of ours begin with an underscore or are unlikely for others.

    Attributes:
        location: file and line of the import.
        dotted_path: from the top-level module on.
    """

    location: str | Origin | None
    dotted_path: str

    def build(self) -> Any:
        """What it stands for.

        Raises:
            LazyImportError: it cannot be imported.
        """
        raise NotImplementedError

    def reference(self) -> str:
        """Module and name, as in `torch.nn:Linear`; a module by its own path."""
        raise NotImplementedError

    def _failed(self, error: Exception) -> LazyImportError:
        place = f'\n  imported at {self.location}' if self.location else ''
        return LazyImportError(f'{self.dotted_path} cannot be imported: {type(error).__name__}: {error}{place}')

    def __getattr__(self, name: str) -> Any:
        if name == '__version__':
            return getattr(self.build(), name)
        if name.startswith('__'):  # asked for by copying, pickling and printing
            raise AttributeError(name)
        return LazyAttr(name, self, self.location)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.build()(*map(opened, args), **{k: opened(v) for k, v in kwargs.items()})

    def __mro_entries__(self, bases: tuple) -> tuple:
        return (self.build(),)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(opened(instance), self.build())

    def __subclasscheck__(self, subclass: Any) -> bool:
        return issubclass(opened(subclass), self.build())

    def __iter__(self) -> Iterator:
        return iter(self.build())

    def __bool__(self) -> bool:
        return bool(self.build())

    def __fspath__(self) -> Any:
        return self.build().__fspath__() if not isinstance(self.build(), str) else self.build()

    def __format__(self, form: str) -> str:
        return format(self.build(), form)

    def __eq__(self, other: object) -> bool:
        return self.dotted_path == other.dotted_path if isinstance(other, Lazy) else self.build() == other

    def __hash__(self) -> int:
        return hash((Lazy, self.dotted_path))  # unlike that of the text, which is to be compared only if asked for

    def __repr__(self) -> str:
        return self.dotted_path


def _on_the_spot(function: Callable) -> Callable:
    return lambda self, *others: function(self.build(), *map(opened, others))


def _reflected(function: Callable) -> Callable:
    return lambda self, other: function(other, self.build())


for _name in ('add', 'sub', 'mul', 'truediv', 'floordiv', 'mod', 'pow', 'matmul', 'and_', 'or_', 'xor'):
    _operator, _method = getattr(operator, _name), _name.rstrip('_')
    setattr(Lazy, f'__{_method}__', _on_the_spot(_operator))
    setattr(Lazy, f'__r{_method}__', _reflected(_operator))
for _name in ('lt', 'le', 'gt', 'ge', 'neg', 'pos', 'abs', 'invert', 'index', 'getitem', 'contains'):
    setattr(Lazy, f'__{_name}__', _on_the_spot(getattr(operator, _name)))
for _function in (len, int, float, round):
    setattr(Lazy, f'__{_function.__name__}__', _on_the_spot(_function))


class LazyObject(Lazy):
    """A module, or a name in one.

    Args:
        module: dotted path of the module; of several, all are imported and their common package is what it stands for,
            as after `import torch.nn` and `import torch.optim`.
        imported: the name in it; None for the module itself.
        location: file and line of the import.
    """

    def __init__(
        self,
        module: str | list[str] | tuple[str, ...],
        imported: str | None = None,
        location: str | Origin | None = None,
    ) -> None:
        modules = [module] if isinstance(module, str) else module
        if not modules or not is_seq_of(modules, str):
            raise TypeError(f'module should be a str or a list of str, but got {module!r}')
        self._modules = list(modules)
        self._imported = imported
        self.location = location
        self.dotted_path = self.module if imported is None else f'{self.module}.{imported}'

    @property
    def module(self) -> str:
        return self._modules[0] if len(self._modules) == 1 else self._modules[0].partition('.')[0]

    def build(self) -> Any:
        if isinstance(self.location, Origin):
            _make_importable(self.module.partition('.')[0], Path(self.location.file).parent)
        try:
            for name in self._modules:
                importlib.import_module(name)
            module = importlib.import_module(self.module)
            return module if self._imported is None else attribute(module, self._imported)
        except Exception as error:
            raise self._failed(error) from error

    def reference(self) -> str:
        return self.module if self._imported is None else f'{self.module}:{self._imported}'


class LazyAttr(Lazy):
    """An attribute of something that is not imported yet.

    Args:
        name: of the attribute.
        source: what has it.
        location: file and line of the import.
    """

    def __init__(self, name: str, source: Lazy, location: str | Origin | None = None) -> None:
        self._name = name
        self._source = source
        self.location = location
        self.dotted_path = f'{source.dotted_path}.{name}'

    def build(self) -> Any:
        source = self._source.build()
        try:
            return attribute(source, self._name)
        except Exception as error:
            raise self._failed(error) from error

    def reference(self) -> str:
        before = self._source.reference()
        return f'{before}{"." if ":" in before else ":"}{self._name}'


def attribute(source: Any, name: str) -> Any:
    """An attribute; of a package also a module that it does not import by itself.

    Raises:
        AttributeError: there is none; the message names what is near.
    """
    try:
        return getattr(source, name)
    except AttributeError as error:
        if isinstance(source, ModuleType):
            path = f'{source.__name__}.{name}'
            try:
                return importlib.import_module(path)
            except ModuleNotFoundError as absent:
                if absent.name not in (path, source.__name__):
                    raise
        near = difflib.get_close_matches(name, dir(source), n=3)
        raise AttributeError(f'{error}{"; did you mean " if near else ""}{", ".join(near)}') from error


def _make_importable(package: str, folder: Path) -> None:
    """Let a module that lies beside the config be found, behind installed packages.

    It stays so: worker processes and late imports of the user's code need it as well.
    """
    if ((folder / package).is_dir() or (folder / f'{package}.py').is_file()) and str(folder) not in sys.path:
        sys.path.append(str(folder))


def from_reference(text: str, location: str | Origin | None = None) -> Lazy:
    """The lazy name that `Lazy.reference` described."""
    module, _, names = text.partition(':')
    first, *attributes = names.split('.')
    found: Lazy = LazyObject(module, first or None, location)
    for name in attributes:
        found = LazyAttr(name, found, location)
    return found


def opened(value: Any) -> Any:
    """What `value` stands for if it is lazy, else `value`."""
    return value.build() if isinstance(value, Lazy) else value
