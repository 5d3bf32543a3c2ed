"""Looking over all registries."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mmengine.fileio import dump
from mmengine.logging import print_log

from . import root
from .default_scope import DefaultScope
from .registry import Registry


def traverse_registry_tree(registry: Registry, verbose: bool = True) -> list[dict[str, Any]]:
    """What the whole tree of `registry` holds, its locations imported: names by folder, for each registry."""
    found: list[dict[str, Any]] = []
    todo = [registry.root]
    while todo:
        current = todo.pop(0)
        todo += current.children.values()
        current.import_from_location()
        entry: dict[str, Any] = {'num_modules': len(current), 'scope': current.scope}
        for name, module in current.module_dict.items():
            entry.setdefault(module.__module__.rpartition('.')[0].replace('.', '/'), []).append(name)
        found.append(entry)
    if verbose:
        print_log(str(found), logger='current')
    return found


def count_registered_modules(save_path: str | None = None, verbose: bool = True) -> dict[str, Any]:
    """What all root registries and their children hold; written to `save_path/modules_statistic_results.json`."""
    registries: dict[str, Any] = {}
    for name, registry in vars(root).items():
        if isinstance(registry, Registry):
            registries[name] = traverse_registry_tree(registry, verbose)
    result = {'scan_date': time.strftime('%Y-%m-%d %H:%M:%S'), 'registries': registries}
    if save_path is not None:
        dump(result, str(Path(save_path) / 'modules_statistic_results.json'))
    return result


def init_default_scope(scope: str) -> None:
    """Make `scope` the current default scope, for scripts without a runner."""
    current = DefaultScope.get_current_instance()
    if current is None or current.scope_name != scope:
        taken = DefaultScope.check_instance_created(scope)
        DefaultScope.get_instance(f'{scope}-{time.time_ns()}' if taken else scope, scope_name=scope)
