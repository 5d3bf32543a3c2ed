"""A dict whose keys are attributes and whose values know where they come from."""

from __future__ import annotations

import copy
import difflib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from .origin import CODE, Origin


class ConfigDict(dict):
    """Nested dicts, also those in lists and tuples, become `ConfigDict` as they are put in.

    A missing attribute raises AttributeError and a missing key KeyError; both name the nearest keys.
    """

    __slots__ = ('_origin', '_origins', '_path')
    _origin: Origin | None
    _origins: dict[Any, Origin]
    _path: str

    def __new__(cls, *args: Any, **kwargs: Any) -> ConfigDict:
        self = super().__new__(cls)
        object.__setattr__(self, '_origin', None)
        object.__setattr__(self, '_origins', {})
        object.__setattr__(self, '_path', '')
        return self

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        for source in args:
            if source is not None:
                self._adopt_address(source)
                self.update(source)
        self.update(kwargs)

    def _adopt_address(self, source: Any) -> None:
        if isinstance(source, ConfigDict):
            object.__setattr__(self, '_origin', source._origin)
            object.__setattr__(self, '_origins', dict(source._origins))
            object.__setattr__(self, '_path', source._path)

    def set_origin(self, origin: Origin | None, origins: Mapping[Any, Origin] | None = None) -> None:
        """Say where this node, and each of its keys, comes from."""
        object.__setattr__(self, '_origin', origin)
        if origins is not None:
            object.__setattr__(self, '_origins', dict(origins))

    def set_path(self, path: str) -> None:
        """Say what this node and all below it are called from the root."""
        object.__setattr__(self, '_path', path)
        for key, value in self.items():
            _set_path(value, f'{path}.{key}' if path else str(key))

    def _unknown(self, key: Any) -> str:
        near = difflib.get_close_matches(str(key), [str(k) for k in self], n=3)
        place = f' at {self._path} ({self._origin})' if self._path and self._origin else ''
        hint = (
            f'; did you mean {", ".join(map(repr, near))}?'
            if near
            else f'; there are {", ".join(map(str, self)) or "none"}'
        )
        return f'the config{place} has no key {key!r}{hint}'

    def __missing__(self, key: Any) -> Any:
        raise KeyError(self._unknown(key))

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getitem__(name)
        except KeyError:
            if name.startswith('__'):
                raise AttributeError(name) from None
            raise AttributeError(f"'ConfigDict' object has no attribute {name!r}: {self._unknown(name)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(self._unknown(name)) from None

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, to_config(value))
        if self._origin is not None:
            # The address of the old value would mislead.
            self._origins[key] = Origin(CODE, 0, self._origins.get(key))

    def put(self, key: Any, value: Any, origin: Origin | None) -> None:
        """Set a value with its origin."""
        super().__setitem__(key, to_config(value))
        if origin is not None:
            self._origins[key] = origin

    def pop(self, key: Any, default: Any = None) -> Any:
        """Remove the key and give its value, or `default` where there is none."""
        return super().pop(key, default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        for source in (*args, kwargs):
            pairs: Iterable = source.items() if isinstance(source, Mapping) or hasattr(source, 'items') else source
            origins = getattr(source, '_origins', {})
            for key, value in pairs:
                self[key] = value
                if key in origins:
                    self._origins[key] = origins[key]

    def merge(self, other: dict) -> None:
        """Change this dict by `other`, nested dicts key by key."""
        for key, value in other.items():
            mine = self.get(key)
            if isinstance(value, Mapping) and isinstance(mine, ConfigDict):
                mine.merge(dict(value))
            else:
                self[key] = value

    def __or__(self, other: Any) -> ConfigDict:
        merged = self.copy()
        merged.update(other)
        return merged

    def __ior__(self, other: Any) -> ConfigDict:
        self.update(other)
        return self

    def copy(self) -> ConfigDict:
        return copy.copy(self)

    def __copy__(self) -> ConfigDict:
        other = type(self)()
        other._adopt_address(self)
        for key, value in self.items():
            dict.__setitem__(other, key, to_config(value))  # lists become new ones, dicts stay the same
        return other

    def __deepcopy__(self, memo: dict) -> ConfigDict:
        other = type(self)()
        memo[id(self)] = other
        other._adopt_address(self)
        for key, value in self.items():
            dict.__setitem__(other, copy.deepcopy(key, memo), copy.deepcopy(value, memo))
        return other

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return _rebuild, (dict(self), self._origin, self._origins, self._path)

    def to_dict(self) -> dict:
        """Plain dicts all the way down."""
        return to_plain(self)


def _rebuild(items: dict, origin: Origin | None, origins: dict, path: str) -> ConfigDict:
    node = ConfigDict()
    node.set_origin(origin, origins)
    object.__setattr__(node, '_path', path)
    for key, value in items.items():
        dict.__setitem__(node, key, value)
    return node


def _set_path(value: Any, path: str) -> None:
    if isinstance(value, ConfigDict):
        value.set_path(path)
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            _set_path(item, f'{path}.{number}')


def to_config(value: Any) -> Any:
    """`value` with every dict in it as a ConfigDict."""
    if isinstance(value, ConfigDict):
        return value
    if type(value) in (dict, OrderedDict):
        return ConfigDict(value)
    if type(value) is list:
        return [to_config(v) for v in value]
    if type(value) is tuple:
        return tuple(to_config(v) for v in value)
    return value


def clone(value: Any) -> Any:
    """`value` with new dicts, lists and tuples, which hold the same leaves."""
    if isinstance(value, ConfigDict):
        other = ConfigDict()
        other._adopt_address(value)
        for key, item in value.items():
            dict.__setitem__(other, key, clone(item))
        return other
    if type(value) in (list, tuple):
        return type(value)(clone(v) for v in value)
    return value


def to_plain(value: Any) -> Any:
    """`value` with every ConfigDict in it as a dict."""
    if isinstance(value, dict):
        return {k: to_plain(v) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(to_plain(v) for v in value)
    return value
