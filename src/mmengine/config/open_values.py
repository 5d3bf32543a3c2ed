"""Values that are not known, since the config was read without running it, as rules of a check meet them.

A rule that works with such a value would find what is not there. So all work with it raises, and the rule gives up.
"""

from __future__ import annotations

from typing import Any, NoReturn

from .config_dict import ConfigDict
from .lazy import Lazy, LazyImportError
from .stand_ins import is_installed
from .static_values import NotEvaluated

OWN = ('mmengine', 'mmcv', 'mmseg', 'torch')  # what a check imports anyway
MARK = '<not evaluat'  # how such a value begins in a message, where it is cut short
_NAMES = ('type', '_scope_', 'default_scope')


class OpenValueError(Exception):
    """A rule needs to know what is not known."""


class OpenValue(NotEvaluated):
    """A `NotEvaluated` that refuses to be worked with; it can be printed, copied, and asked for its class."""

    __slots__ = ()
    __hash__ = NotEvaluated.__hash__


def _refuse(self: Any, *args: Any) -> NoReturn:
    raise OpenValueError(self.source)


for _name in (
    *('eq', 'ne', 'lt', 'le', 'gt', 'ge', 'bool', 'str', 'format', 'len', 'iter', 'getitem', 'contains', 'call'),
    *(f'{side}{name}' for name in ('add', 'sub', 'mul', 'truediv', 'floordiv', 'mod', 'pow') for side in ('', 'r')),
    *('int', 'float', 'index', 'neg', 'abs', 'fspath'),
):
    setattr(OpenValue, f'__{_name}__', _refuse)


def settle(value: Any, key: Any = None) -> Any:
    """Change a config that was read without running it into one whose check runs nothing of others either.

    What is not known becomes an `OpenValue`, and so do names that would import other packages than these.
    """
    if isinstance(value, NotEvaluated):
        return OpenValue(value.source)
    if isinstance(value, Lazy):
        if value.dotted_path.partition('.')[0] not in OWN:
            return OpenValue(value.dotted_path)
        try:
            return value.build()
        except LazyImportError:
            return value.dotted_path  # an unknown type
    if key in _NAMES and isinstance(value, str) and (key != 'type' or '.' in value) and not is_own(value):
        return OpenValue(repr(value))
    if isinstance(value, ConfigDict):
        for name, item in dict.items(value):
            dict.__setitem__(value, name, settle(item, name))
    elif type(value) in (list, tuple):
        return type(value)(settle(item) for item in value)
    return value


def is_own(path: str) -> bool:
    """Whether a dotted name leads to one of these packages, or to what stands in for one that is absent."""
    package = path.partition('.')[0]
    return package in OWN or not is_installed(package)


def has_open(value: Any) -> bool:
    """Whether something in a value is not known."""
    if isinstance(value, dict):
        return any(has_open(v) for v in dict.values(value))
    return any(map(has_open, value)) if isinstance(value, (list, tuple)) else isinstance(value, NotEvaluated)
