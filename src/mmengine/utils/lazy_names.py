"""Packages whose modules are imported when a name of theirs is first used (PEP 562)."""

import importlib
import sys
from collections.abc import Callable, Collection
from typing import Any


def lazy_names(package: str, names: Collection[str], *modules: str) -> Callable[[str], Any]:
    """The `__getattr__` of a package: `names`, and its submodules, are imported at first use.

    Args:
        package: its `__name__`.
        names: what the package offers.
        modules: where these names are, by their full names; tried in this order.
    """

    def get(name: str) -> Any:
        found = None
        if name in names:
            found = next(m for m in map(importlib.import_module, modules) if hasattr(m, name))
            value = getattr(found, name)
        elif f'{package}.{name}' in modules:
            value = importlib.import_module(f'{package}.{name}')
        else:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        setattr(sys.modules[package], name, value)
        return value

    return get
