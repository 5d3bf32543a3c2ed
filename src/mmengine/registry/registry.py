"""Registries: names in configs become classes and functions.

Registries of one kind form a tree: the root is mmengine's, its children belong to the packages above, and each has the
scope of its package. The scope is the one that the registry was made with, else the package of its first location, else
the package of the first class that it holds.

Where `build` looks for a `type`, in this order, all on one page:

1. A class or function is what it is, one that a config imports lazily is imported; only names are looked up.
2. `scope.Name` begins at the registry of that scope, anywhere in the tree, and `scope.child.Name` at a child of it. If
   the tree has none yet, `scope.registry` is imported, which makes it; for a package that is not installed, its
   stand-in (`mmengine.config.stand_ins`).
3. A plain `Name` begins at the registry of the scope in force: `_scope_` of the config, or the default scope (that of
   `Runner(default_scope=...)` or `init_default_scope`). After that, or if there is none, at the registry that was
   asked.
4. From where it begins the look-up goes up: a registry, its parent, and so on to the root. In each, what is registered
   counts, and if the name is not there, its `locations` are imported, once, since modules register when imported. So
   the outcome does not depend on what happens to be imported already. A location that does not exist is no error by
   itself.
5. The full path of something that one of these registries holds (`mmseg.models.decode_heads.FCNHead`) is that thing.
   Such paths are what configs with lazy imports are written as (`Config.dump`), and what they name need not be
   registered nor imported yet. So the module of the path is imported, and what it has by that name counts if one of
   these registries holds it then, or if it is a class of their kind: one that shares a base class, from beyond the
   standard library, with a class that they hold. A `torch.nn.GELU` is a module as all models are; a hook that derives
   from `Hook` is a hook.

Nothing else is found: no importable name resolves by accident, and `os.system` is no model. What is not found is
reported with its address in the config, the registries that were searched, the nearest names, and the modules that
could not be imported.

`get` does the same except for step 3: it begins at the registry that was asked.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.config.origin import where
from mmengine.config.stand_ins import is_installed, stand_in_of
from mmengine.logging import print_log
from mmengine.utils import is_seq_of
from mmengine.utils.errors import UnknownTypeError

from .build_functions import build_from_cfg
from .default_scope import DefaultScope


class Registry:
    """A tree of tables from names to classes or functions.

    Args:
        name: what is registered, e.g. 'model'.
        build_func: builds from a config; `build_from_cfg` by default, or the parent's.
        parent: the registry of the same kind one package below.
        scope: the prefix of this registry's names; by default the package of the first location, or of the first
            module that registers.
        locations: modules to import when a name is not found.
    """

    def __init__(
        self,
        name: str,
        build_func: Callable | None = None,
        parent: Registry | None = None,
        scope: str | None = None,
        locations: list[str] | tuple[str, ...] = (),
    ) -> None:
        self._name = name
        self._module_dict: dict[str, Any] = {}
        self._children: dict[str, Registry] = {}
        self._locations = list(locations)
        self._failed: dict[str, Exception] = {}  # modules that should have registered something, and why they did not
        self._imported = False
        self._asked: set[str] = set()  # of a root: the packages whose registry was imported, or tried
        if scope is None and locations:
            scope = locations[0].split('.')[0]
        self._scope = scope
        self.parent: Registry | None = None
        if parent is not None:
            if not isinstance(parent, Registry):
                raise TypeError(f'parent should be a Registry, but got {parent!r}')
            self.parent = parent
            if scope is not None:
                parent._add_child(self)
        if build_func is None:
            build_func = parent.build_func if parent is not None else build_from_cfg
        self.build_func: Callable = build_func

    def __len__(self) -> int:
        return len(self._module_dict)

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def __repr__(self) -> str:
        lines = [f'Registry of {self._name} (scope {self._scope})']
        lines += [f'    {name}: {_path_of(module)}' for name, module in sorted(self._module_dict.items())]
        return '\n'.join(lines)

    @staticmethod
    def infer_scope() -> str:
        """The scope of code that runs now, as far as a default scope tells."""
        current = DefaultScope.get_current_instance()
        return 'mmengine' if current is None else current.scope_name

    @staticmethod
    def split_scope_key(key: str) -> tuple[str | None, str]:
        """`'mmdet.ResNet'` gives `('mmdet', 'ResNet')`, `'ResNet'` gives `(None, 'ResNet')`."""
        scope, dot, name = key.partition('.')
        return (scope, name) if dot else (None, key)

    @property
    def name(self) -> str:
        return self._name

    @property
    def scope(self) -> str:
        return self._scope or 'mmengine'

    @property
    def module_dict(self) -> dict[str, Any]:
        return self._module_dict

    @property
    def children(self) -> dict[str, Registry]:
        return self._children

    @property
    def root(self) -> Registry:
        return self._get_root_registry()

    def _get_root_registry(self) -> Registry:
        registry = self
        while registry.parent is not None:
            registry = registry.parent
        return registry

    def _add_child(self, registry: Registry) -> None:
        scope = registry._scope
        assert scope is not None
        if scope in self._children:
            raise KeyError(
                f'the {self._name} registry has a child of scope {scope!r} already; give the second one another scope'
            )
        self._children[scope] = registry

    # ------------------------------------------------------------------ looking up

    def import_from_location(self) -> None:
        """Import the `locations`, once. Those that fail are remembered for the message of a failed look-up."""
        if self._imported:
            return
        self._imported = True
        for location in self._locations:
            self._import(location)

    def _import(self, place: str) -> None:
        try:
            importlib.import_module(place)
        except Exception as error:  # noqa: BLE001 - chained to the error of a look-up that finds nothing
            self._failed[place] = error
            if not _is_absent(place, error):
                print_log(f'{place} cannot be imported: {type(error).__name__}: {error}', 'current', logging.WARNING)

    def _search_child(self, scope: str) -> Registry | None:
        """The registry of `scope` from this one downwards."""
        if self._scope == scope:
            return self
        for child in self._children.values():
            found = child._search_child(scope)
            if found is not None:
                return found
        return None

    def _registry_of(self, scope: str) -> Registry | None:
        """The registry of `scope` anywhere in the tree; the package of that name is asked for it, once."""
        root = self.root
        found = root._search_child(scope)
        place = stand_in_of(scope) or (f'{scope}.registry' if is_installed(scope) else None)
        if found is None and scope not in root._asked and place is not None:
            root._asked.add(scope)
            root._import(place)
            if place in root._failed and _is_absent(place, root._failed[place]):
                del root._failed[place]  # an ordinary package, such as torch
            found = root._search_child(scope)
        return found

    def _line(self) -> list[Registry]:
        """This registry, its parent, and so on to the root."""
        return [self] if self.parent is None else [self, *self.parent._line()]

    def _searched(self, key: str) -> tuple[list[Registry], str]:
        """The registries that `key` is looked up in, in order, and the name to look for."""
        scope, name = self.split_scope_key(key)
        start = self if scope is None else self._registry_of(scope)
        if start is None:
            return self._line(), key
        scope, rest = self.split_scope_key(name)
        while scope in start._children:  # `a.b.Name` goes down from a to b
            start, name = start._children[scope], rest
            scope, rest = self.split_scope_key(name)
        return start._line(), name

    def get(self, key: str) -> Any:
        """The class or function of that name, or None; the default scope does not matter here."""
        if not isinstance(key, str):
            raise TypeError(f'the name should be a str, but got {type(key).__name__}')
        registries, name = self._searched(key)
        for registry in registries:
            if name not in registry._module_dict:
                registry.import_from_location()
            if name in registry._module_dict:
                return registry._module_dict[name]
        return self._by_path(key, list(dict.fromkeys([*registries, *self._line()]))) if '.' in key else None

    def _by_path(self, path: str, registries: list[Registry]) -> Any:
        """What a full path names, if one of the registries holds it or it is a class of their kind; else None."""
        target = self._import_path(path)
        held = [module for registry in registries for module in registry._module_dict.values()]
        for module in held:
            if module is target or _path_of(module) == path:
                return module
        kin = {base for module in held if isinstance(module, type) for base in _bases(module)}
        return target if isinstance(target, type) and kin.intersection(_bases(target)) else None

    def _import_path(self, path: str) -> Any:
        """What a full path names, imported if need be; None if there is no such thing."""
        package, *names = path.split('.')
        if not is_installed(package) or package in sys.stdlib_module_names or not all(map(str.isidentifier, names)):
            return _loaded(path)
        value, place = _ABSENT, package
        for name in [None, *names]:
            if name is not None:
                place, value = f'{place}.{name}', getattr(value, name, _ABSENT)
            if value is _ABSENT:
                self.root._failed.pop(place, None)
                self.root._import(place)
                if place in self.root._failed and _is_absent(place, self.root._failed[place]):
                    del self.root._failed[place]
                value = sys.modules.get(place, _ABSENT)
            if value is _ABSENT:
                return None
        return value

    def resolve(self, key: str, cfg: Any = None) -> Any:
        """The class or function that `build` calls for that name, in the scope in force.

        Args:
            cfg: the config that holds the name as its `type`, for the message.

        Raises:
            UnknownTypeError: no registry has it.
        """
        with self.switch_scope_and_registry(None) as current:
            for registry in (current,) if current is self else (current, self):
                found = registry.get(key)
                if found is not None:
                    return found
        raise self.unknown(key, cfg)

    @contextmanager
    def switch_scope_and_registry(self, scope: str | None) -> Iterator[Registry]:
        """The registry where a look-up begins: that of `scope`, of the default scope, or this one.

        `scope` is the default scope while inside; None leaves the default scope as it is.
        """
        with DefaultScope.overwrite_default_scope(scope):
            current = DefaultScope.get_current_instance()
            found = None if current is None else self._registry_of(current.scope_name)
            # The look-up from here comes by a parent anyway; to begin there would hide what is registered here.
            yield self if found is None or found in self._line() else found

    def build(self, cfg: Any, *args: Any, **kwargs: Any) -> Any:
        """The object that `cfg` describes; see `build_from_cfg` for what it takes and raises."""
        return self.build_func(cfg, *args, **kwargs, registry=self)

    # ------------------------------------------------------------------ registering

    def _register_module(self, module: Any, module_name: str | list[str] | None = None, force: bool = False) -> None:
        if not callable(module):
            raise TypeError(f'what is registered should be a class or a function, but got {module!r}')
        if self._scope is None:
            # A package's registry without locations takes the scope of the package that uses it first.
            self._scope = module.__module__.split('.')[0]
            if self.parent is not None and self._scope not in self.parent._children:
                self.parent._add_child(self)
        names = [module.__name__] if module_name is None else module_name
        for name in [names] if isinstance(names, str) else names:
            if name in self._module_dict and not force:
                raise KeyError(
                    f'{name} is registered in the {self._name} registry of {self.scope} already:'
                    f'\n  {_place_of(self._module_dict[name])}\n  {_place_of(module)}'
                    '\n  give one of them another name, or force=True to replace the first'
                )
            self._module_dict[name] = module

    def register_module(self, name: str | list[str] | None = None, force: bool = False, module: Any = None) -> Any:
        """Register a class or function, as a decorator or by a call.

        Args:
            name: one or several names; the class's own by default.
            force: replace what has the name already.
            module: given for a call, not for the decorator.
        """
        if not isinstance(force, bool):
            raise TypeError(f'force should be a bool, but got {force!r}')
        if not (name is None or isinstance(name, str) or is_seq_of(name, str)):
            hint = '; write @REGISTRY.register_module() with parentheses' if callable(name) else ''
            raise TypeError(f'name should be None, a str or a list of str, but got {name!r}{hint}')
        if module is not None:
            self._register_module(module, name, force)
            return module

        def decorator(target: Any) -> Any:
            self._register_module(target, name, force)
            return target

        return decorator

    # ------------------------------------------------------------------ messages

    def unknown(self, key: str, cfg: Any = None) -> UnknownTypeError:
        """The error for a name that is not found: where it stood, what was searched, what is near, what failed."""
        scope, bare = self.split_scope_key(key)
        current = DefaultScope.get_current_instance()
        with self.switch_scope_and_registry(None) as start:
            searched = list(dict.fromkeys([*start._searched(key)[0], *self._searched(key)[0]]))
        lines = [f'{key!r} is not in the {self._name} registry']
        address = where(cfg, 'type')
        if address:
            lines.append(f'  at {address}')
        lines.append('  searched: ' + ', '.join(f'{r.scope}::{r.name}' for r in searched))
        lines += self._near(bare)
        failed: dict[str, Exception] = {}
        for registry in [*searched, self.root]:
            failed |= registry._failed
        lines += [f'  could not import {place}: {type(e).__name__}: {e}' for place, e in failed.items()]
        if scope is not None and self.root._search_child(scope) is None:
            if _loaded(key) is not None:
                lines.append(f'  {key} exists but is not registered: register it, or give the object itself as type')
            elif not is_installed(scope):
                lines.append(f'  there is no registry of scope {scope!r}, and no package {scope!r} is installed')
        elif scope is None and current is None:
            lines.append("  no default scope is set: names of other packages need a prefix, as in 'mmseg.FCNHead'")
        lines.append(
            "  if it is a class of yours, import its module: custom_imports=dict(imports=['your_package.your_module'])"
        )
        error = UnknownTypeError('\n'.join(lines))
        error.__cause__ = next((e for place, e in failed.items() if not _is_absent(place, e)), None)
        return error

    def _near(self, name: str) -> list[str]:
        known: dict[str, list[str]] = {}  # names of the whole tree, and the scopes that have them
        todo = [self.root]
        while todo:
            registry = todo.pop()
            todo += registry._children.values()
            for other in registry._module_dict:
                known.setdefault(other, []).append(registry.scope)
        if name in known:
            spelled = ' or '.join(repr(f'{scope}.{name}') for scope in known[name])
            return [f'  {name} is registered elsewhere: write {spelled}']
        folded = {other.lower(): other for other in known}
        near = [folded[n] for n in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.6)]
        return [f'  did you mean: {", ".join(f"{n} ({known[n][0]})" for n in near)}'] if near else []


_ABSENT: Any = object()


def _bases(module: type) -> Iterator[type]:
    """A class and those that it derives from, without what Python brings."""
    return (c for c in module.__mro__ if c.__module__.partition('.')[0] not in sys.stdlib_module_names)


def _is_absent(place: str, error: Exception) -> bool:
    """Whether the import failed because `place` itself does not exist, rather than something that it needs."""
    return isinstance(error, ModuleNotFoundError) and f'{place}.'.startswith(f'{error.name}.')


def _loaded(path: str) -> Any:
    """What a full path names in a module that is imported already, or None."""
    module, _, name = path.rpartition('.')
    return getattr(sys.modules.get(module), name, None)


def _path_of(module: Any) -> str:
    return f'{module.__module__}.{getattr(module, "__qualname__", type(module).__qualname__)}'


def _place_of(module: Any) -> str:
    """Full path, file and line of a class or function."""
    try:
        return f'{_path_of(module)} ({inspect.getsourcefile(module)}:{inspect.getsourcelines(module)[1]})'
    except (TypeError, OSError):  # built in, or typed into a console
        return _path_of(module)
