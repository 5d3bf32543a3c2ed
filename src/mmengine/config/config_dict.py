"""A dict whose keys are attributes and whose values know where they come from."""

from __future__ import annotations

import copy
import difflib
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mmengine.utils.errors import ConfigError

from .lazy import Lazy, opened
from .origin import CODE, CONFIG, Origin, where

DELETE_KEY = '_delete_'


class ConfigDict(dict):
    """Nested dicts, also those in lists and tuples, become `ConfigDict` as they are put in.

    A missing attribute raises AttributeError and a missing key KeyError; both name the nearest keys. What a config
    imports lazily is imported when it is taken out.
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
        if kwargs:
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
        for key, value in dict.items(self):
            _set_path(value, f'{path}.{key!s}' if path else str(key))

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

    def __getitem__(self, key: Any) -> Any:
        return self._opened(super().__getitem__(key), key)

    def __getattr__(self, name: str) -> Any:
        try:
            value = super().__getitem__(name)
        except KeyError:
            if name.startswith('__'):
                raise AttributeError(name) from None
            raise AttributeError(f"'ConfigDict' object has no attribute {name!r}: {self._unknown(name)}") from None
        return self._opened(value, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(self._unknown(name)) from None

    def __setitem__(self, key: Any, value: Any) -> None:
        value = to_config(value, type(self))
        super().__setitem__(key, value)
        if self._origin is not None:
            # The address of the old value would mislead.
            origin = self._origins[key] = _place_in_code(self._origins.get(key))
            set_origin(value, origin)

    def put(self, key: Any, value: Any, origin: Origin | None) -> None:
        """Set a value with its origin."""
        super().__setitem__(key, to_config(value))
        if origin is not None:
            self._origins[key] = origin

    def pop(self, key: Any, default: Any = None) -> Any:
        """Remove the key and give its value, or `default` where there is none."""
        return self._opened(super().pop(key, default), key)

    def get(self, key: Any, default: Any = None) -> Any:
        return self._opened(super().get(key, default), key)

    def items(self) -> Any:
        if any(isinstance(v, Lazy) for v in super().values()):
            return {k: self._opened(v, k) for k, v in super().items()}.items()
        return super().items()

    def values(self) -> Any:
        if any(isinstance(v, Lazy) for v in super().values()):
            return {k: self._opened(v, k) for k, v in super().items()}.values()
        return super().values()

    def __iter__(self) -> Iterator:  # so that `f(**node)` and `dict(node)` ask for the values, too
        return super().__iter__()

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self.get(key)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Change this dict by others, nested dicts key by key."""
        for source in (*args, kwargs):
            pairs: Iterable = raw_items(source) if hasattr(source, 'items') else source
            origins = getattr(source, '_origins', {})
            for key, value in pairs:
                mine = dict.get(self, key)
                if isinstance(value, Mapping) and isinstance(mine, ConfigDict) and value is not mine:
                    mine.update(value)
                    continue
                before = self._origins.get(key)
                self[key] = value
                if key in origins:
                    origin = origins[key]
                    self._origins[key] = Origin(origin.file, origin.line, origin.overrides or before)

    def merge(self, other: Mapping) -> None:
        """Change this dict by `other` as a config changes its base; `_delete_=True` replaces."""
        if other.get(DELETE_KEY, False):
            self.clear()  # what is set again knows, by its origin, what was there
        for key, value in raw_items(other):
            mine = dict.get(self, key)
            if key == DELETE_KEY:
                continue
            if not isinstance(value, Mapping):
                self[key] = value
            elif isinstance(mine, ConfigDict) and not value.get(DELETE_KEY, False):
                mine.merge(value)
            else:
                self[key] = {k: v for k, v in raw_items(value) if k != DELETE_KEY}

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
        for key, value in dict.items(self):
            dict.__setitem__(other, key, to_config(value))  # lists become new ones, dicts stay the same
        return other

    def __deepcopy__(self, memo: dict) -> ConfigDict:
        other = type(self)()
        memo[id(self)] = other
        other._adopt_address(self)
        for key, value in dict.items(self):
            dict.__setitem__(other, copy.deepcopy(key, memo), copy.deepcopy(value, memo))
        return other

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return _rebuild, (dict(dict.items(self)), self._origin, self._origins, self._path)

    def to_dict(self) -> dict:
        """Plain dicts all the way down; the full path of what is imported lazily."""
        return to_plain(self)

    def _opened(self, value: Any, key: Any) -> Any:
        if not isinstance(value, Lazy):
            return value
        try:
            return self.build_lazy(value)
        except ConfigError as error:
            if where(self, key):
                error.add_note(f'at {where(self, key)}')
            raise

    def build_lazy(self, value: Any) -> Any:
        """What `value` stands for if it is imported lazily, else `value`."""
        return opened(value)

    def _to_lazy_dict(self) -> dict:
        return to_plain(self, open_lazy=False)


class HandedOn(ConfigDict):
    """What the code of a config gets of its bases: what is lazy in it stays so, to be handed on."""

    __slots__ = ()

    def _opened(self, value: Any, key: Any) -> Any:
        return value


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


def to_config(value: Any, kind: type[ConfigDict] = ConfigDict) -> Any:
    """`value` with every dict in it as a ConfigDict."""
    if isinstance(value, ConfigDict):
        return value
    if type(value) in (dict, OrderedDict):
        return kind(value)
    if type(value) is list:
        return [to_config(v, kind) for v in value]
    if type(value) is tuple:
        return tuple(to_config(v, kind) for v in value)
    return value


def clone(value: Any, kind: type[ConfigDict] = ConfigDict) -> Any:
    """`value` with new dicts, those of configs of the given kind, lists and tuples, which hold the same leaves."""
    if isinstance(value, ConfigDict):
        other = kind()
        other._adopt_address(value)
        for key, item in dict.items(value):
            dict.__setitem__(other, key, clone(item, kind))
        return other
    if type(value) in (list, tuple):
        return type(value)(clone(v, kind) for v in value)
    return value


def to_plain(value: Any, open_lazy: bool = True) -> Any:
    """`value` with every ConfigDict in it as a dict.

    Args:
        open_lazy: whether what is imported lazily becomes its full path.
    """
    if isinstance(value, dict):
        return {to_plain(k, open_lazy): to_plain(v, open_lazy) for k, v in dict.items(value)}
    if type(value) in (list, tuple):
        return type(value)(to_plain(v, open_lazy) for v in value)
    return value.dotted_path if open_lazy and isinstance(value, Lazy) else value


def raw_items(source: Any) -> Iterable[tuple[Any, Any]]:
    """The items of a mapping with what is lazy in it left as it is."""
    return dict.items(source) if isinstance(source, dict) else source.items()


def set_origin(value: Any, origin: Origin) -> None:
    """Say of a value and of what is in it, where that is not known, that it comes from `origin`."""
    if isinstance(value, ConfigDict):
        if value._origin is None:
            value.set_origin(origin, dict.fromkeys(value, origin) | value._origins)
        for item in dict.values(value):
            set_origin(item, origin)
    elif type(value) in (list, tuple):
        for item in value:
            set_origin(item, origin)


def _place_in_code(before: Origin | None) -> Origin:
    """The line of the config that is being executed, or `CODE` where none is."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get('__name__') == CONFIG:
            return Origin(frame.f_code.co_filename, frame.f_lineno, before)
        frame = frame.f_back  # type: ignore[assignment]
    return Origin(CODE, 0, before)
