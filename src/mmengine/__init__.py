"""The training runtime. Names and sub-packages are imported at first use."""

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .config import *
    from .fileio import *
    from .logging import *
    from .registry import *
    from .utils import *

_OFFERED = ('utils', 'logging', 'fileio', 'config', 'registry')  # all of their names are names of this package


def __getattr__(name: str) -> Any:
    if not name.startswith('__') and importlib.util.find_spec(f'{__name__}.{name}') is not None:
        return importlib.import_module(f'{__name__}.{name}')
    offering = (importlib.import_module(f'{__name__}.{package}') for package in _OFFERED)
    if name == '__all__':
        return sorted({n for package in offering for n in package.__all__} | {'__version__'})
    if not name.startswith('_'):
        for package in offering:
            if name in package.__all__:
                value = globals()[name] = getattr(package, name)
                return value
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__('__all__')})
