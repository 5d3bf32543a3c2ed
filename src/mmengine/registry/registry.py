"""Registries: names in configs become classes and functions.

Where a name is looked up, in this order, all on one page:

1. `scope.Name` begins at the registry of that scope in the tree; a plain `Name` at this registry, or, if it is a root
   and a default scope is set (`Runner(default_scope=...)`), at that scope's child.
2. There: what is registered.
3. Otherwise its `locations`: modules that register when imported, imported once, at the first name that is not found. A
   location that does not exist is no error by itself.
4. Otherwise the same in the parent, and so on to the root.
5. A scope without a registry in the tree (`mmdet.Name`): the package `mmdet` is asked for by `mmdet.registry`, once.

Nothing else is found: no importable name resolves by accident. What is not found is reported with the registries that
were searched, the nearest names, and the modules that could not be imported.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.config.origin import where
from mmengine.logging import print_log
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
        self._failed: dict[str, BaseException] = {}
        self._imported = False
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
        lines += [f'    {k}: {v.__module__}.{v.__qualname__}' for k, v in sorted(self._module_dict.items())]
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
            raise KeyError(f'scope {scope} exists in {self._name} registry')
        self._children[scope] = registry

    # ------------------------------------------------------------------ looking up

    def import_from_location(self) -> None:
        """Import the `locations`, once. Those that fail are remembered for the message of a failed look-up."""
        if self._imported:
            return
        self._imported = True
        for location in self._locations:
            try:
                importlib.import_module(location)
            except ModuleNotFoundError as error:
                # The location itself may be absent; a dependency of it that is absent is a failure to report.
                self._failed[location] = error
                missing = error.name or ''
                if not (location == missing or location.startswith(f'{missing}.')):
                    print_log(f'{location} cannot be imported: {error}', 'current', logging.WARNING)
            except Exception as error:  # noqa: BLE001 - reported with its traceback when a name is not found
                self._failed[location] = error
                print_log(f'{location} cannot be imported: {type(error).__name__}: {error}', 'current', logging.WARNING)

    def _own(self, name: str) -> Any:
        if name not in self._module_dict:
            self.import_from_location()
        return self._module_dict.get(name)

    def _search_scope(self, scope: str) -> Registry | None:
        """The registry of `scope` below this one."""
        if self._scope == scope:
            return self
        for child in self._children.values():
            found = child._search_scope(scope)
            if found is not None:
                return found
        return None

    def _registry_of(self, scope: str) -> Registry | None:
        """The registry of `scope` anywhere in the tree; its package is imported if it exists."""
        root = self._get_root_registry()
        found = root._search_scope(scope)
        if found is None and scope.isidentifier() and importlib.util.find_spec(scope) is not None:
            try:
                importlib.import_module(f'{scope}.registry')
            except ImportError as error:
                self._failed[f'{scope}.registry'] = error
            found = root._search_scope(scope)
        return found

    def _path(self, key: str) -> list[tuple[Registry, str]]:
        """The registries that `key` is looked up in, in order, with the name to look for."""
        scope, name = self.split_scope_key(key)
        if scope is not None:
            start = self._registry_of(scope)
            if start is None:
                return [(self, key)]
        else:
            start = self
        chain = []
        registry: Registry | None = start
        while registry is not None:
            chain.append((registry, name))
            registry = registry.parent
        return chain

    def get(self, key: str) -> Any:
        """The class or function of `key`, or None. A default scope does not matter here."""
        if not isinstance(key, str):
            raise TypeError(f'the name should be a str, but got {type(key).__name__}')
        for registry, name in self._path(key):
            found = registry._own(name)
            if found is not None:
                return found
        return None

    @contextmanager
    def switch_scope_and_registry(self, scope: str | None) -> Iterator[Registry]:
        """The registry in which a config without a scope is to be built: that of `scope`, or of the default scope."""
        with DefaultScope.overwrite_default_scope(scope):
            current = DefaultScope.get_current_instance()
            registry: Registry = self
            if current is not None and current.scope_name != self._scope:
                found = self._registry_of(current.scope_name)
                # A registry of a package stays where it is unless the config names another scope.
                if found is not None and (self.parent is None or scope is not None):
                    registry = found
            yield registry

    def build(self, cfg: Any, *args: Any, **kwargs: Any) -> Any:
        """What `cfg` describes; see `build_from_cfg`."""
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
        names = (
            [module.__name__] if module_name is None else [module_name] if isinstance(module_name, str) else module_name
        )
        for name in names:
            existing = self._module_dict.get(name)
            if existing is not None and not force and existing is not module:
                raise KeyError(
                    f'{name} is registered in the {self._name} registry of {self.scope} already, from '
                    f'{existing.__module__}; {module.__module__} needs another name, or force=True to replace it'
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
        if not (
            name is None or isinstance(name, str) or (isinstance(name, list) and all(isinstance(n, str) for n in name))
        ):
            raise TypeError(f'name should be None, a str or a list of str, but got {name!r}')
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
        searched = self._path(key)
        name = searched[0][1]
        known: dict[str, str] = {}
        todo = [self._get_root_registry()]
        while todo:
            registry = todo.pop()
            todo += registry._children.values()
            for known_name in registry._module_dict:
                known.setdefault(known_name, registry.scope)
        folded = {k.lower(): k for k in known}
        near = difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.6)
        lines = [f'{key!r} is not in the {self._name} registry']
        address = where(cfg, 'type') if isinstance(cfg, dict) else ''
        if address:
            lines.append(f'  at {address}')
        lines.append('  searched: ' + ', '.join(dict.fromkeys(f'{r.scope}::{r.name}' for r, _ in searched)))
        if near:
            lines.append('  did you mean: ' + ', '.join(f'{folded[n]} ({known[folded[n]]})' for n in near))
        failed = {k: v for registry, _ in searched for k, v in registry._failed.items()}
        lines += [f'  could not import {place}: {type(e).__name__}: {e}' for place, e in failed.items()]
        scope = self.split_scope_key(key)[0]
        if scope is not None and self._get_root_registry()._search_scope(scope) is None:
            lines.append(f'  nothing has registered the scope {scope!r}; is the package {scope!r} installed?')
        lines.append(
            "  if it is a class of yours, import its module: custom_imports=dict(imports=['your_package.your_module'])"
        )
        error = UnknownTypeError('\n'.join(lines))
        if failed:
            error.__cause__ = next(iter(failed.values()))
        return error
