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
    """How many and which modules `registry`, its relatives and so on hold."""
    found: list[dict[str, Any]] = []
    todo = [registry.root]
    while todo:
        current = todo.pop(0)
        todo += current.children.values()
        found.append(
            {
                'num_modules': len(current),
                'scope': f'{current.scope}/{current.name}',
                'lib': sorted(current.module_dict),
            }
        )
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
        DefaultScope.get_instance(f'{scope}-{time.time_ns()}', scope_name=scope)
