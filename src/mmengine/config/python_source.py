"""Python config files: run them, and find for every value the line that set it."""

from __future__ import annotations

import ast
import types
from typing import Any

from mmengine.utils.errors import ConfigError

from .config_dict import ConfigDict, clone
from .origin import CODE, Origin

Names = dict[str, ast.expr]


class Lines:
    """The lines of the values of one file."""

    def __init__(self, tree: ast.Module, file: str) -> None:
        self.file = file
        self.names: Names = {}  # the expression last assigned to a top-level name
        self.patches: list[tuple[str, list[Any], ast.stmt, ast.expr]] = []  # name['a']['b'] = value
        for statement in tree.body:
            self._note(statement)

    def _note(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            return
        for target in targets:
            if isinstance(target, ast.Name):
                self.names[target.id] = value
                self.patches = [p for p in self.patches if p[0] != target.id]
            elif isinstance(target, (ast.Subscript, ast.Attribute)):
                name, path = _target_path(target)
                if name is not None:
                    self.patches.append((name, path, statement, value))

    def origin(self, node: ast.AST) -> Origin:
        return Origin(self.file, getattr(node, 'lineno', 0))

    def apply(self, values: dict[str, Any], statements: dict[str, int], base: ConfigDict) -> ConfigDict:
        """The values of the file as nodes with origins; what it changed through `_base_` gets its origins as well.

        Args:
            statements: a line for names without a plain assignment.
        """
        root = ConfigDict()
        origins = {}
        for name, value in values.items():
            expression = self.names.get(name)
            dict.__setitem__(root, name, self.node(value, expression, depth=0, line=statements.get(name, 0)))
            origins[name] = (
                self.origin(expression) if expression is not None else Origin(self.file, statements.get(name, 0))
            )
        root.set_origin(Origin(self.file, 1), origins)
        for name, path, statement, value in self.patches:
            self._patch(base if name == '_base_' else root.get(name), path, statement, value)
        _name_file(base, self.file)
        return root

    def _patch(self, node: Any, path: list[Any], statement: ast.stmt, value: ast.expr) -> None:
        for key in path[:-1]:
            try:
                node = node[key]
            except (KeyError, IndexError, TypeError):
                return
        key = path[-1]
        if isinstance(node, ConfigDict) and key in node:
            before = node._origins.get(key)
            while before is not None and before.file == CODE:
                before = before.overrides
            origin = self.origin(statement)
            node._origins[key] = Origin(origin.file, origin.line, before)
            dict.__setitem__(node, key, self.node(node[key], value, depth=0, line=statement.lineno))

    def node(self, value: Any, expression: ast.expr | None, depth: int, line: int) -> Any:
        """`value` as a node whose keys know the lines in `expression`, as far as its form shows them."""
        while isinstance(expression, ast.Name) and expression.id in self.names and depth < 50:
            expression, depth = self.names[expression.id], depth + 1
        line = getattr(expression, 'lineno', line)
        if isinstance(value, ConfigDict) and value._origin is not None:
            return clone(value)  # came out of a base file and knows its own
        if isinstance(value, dict):
            made = ConfigDict()
            parts = self._dict_parts(expression, depth)
            origins = {}
            for key, item in value.items():
                part = parts.get(key)
                dict.__setitem__(made, key, self.node(item, part, depth, line))
                origins[key] = self.origin(part) if part is not None else Origin(self.file, line)
            made.set_origin(Origin(self.file, line), origins)
            return made
        if type(value) in (list, tuple):
            elements = expression.elts if isinstance(expression, (ast.List, ast.Tuple)) else []
            same = len(elements) == len(value) and not any(isinstance(e, ast.Starred) for e in elements)
            return type(value)(
                self.node(item, elements[i] if same else None, depth, line) for i, item in enumerate(value)
            )
        return value

    def _dict_parts(self, expression: ast.expr | None, depth: int) -> dict[Any, ast.expr]:
        """The expressions of the values of a dict display or a `dict(...)` call, by key."""
        parts: dict[Any, ast.expr] = {}
        while isinstance(expression, ast.Name) and expression.id in self.names and depth < 50:
            expression, depth = self.names[expression.id], depth + 1
        if isinstance(expression, ast.Dict):
            for key, item in zip(expression.keys, expression.values, strict=True):
                if key is None:
                    parts.update(self._dict_parts(item, depth + 1))
                elif isinstance(key, ast.Constant):
                    parts[key.value] = item
        elif (
            isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name) and expression.func.id == 'dict'
        ):
            for argument in expression.args:
                parts.update(self._dict_parts(argument, depth + 1))
            for keyword in expression.keywords:
                if keyword.arg is None:
                    parts.update(self._dict_parts(keyword.value, depth + 1))
                else:
                    # The keyword's own line, not the one that its value may begin on further down.
                    parts[keyword.arg] = keyword.value
        return parts


def _target_path(target: ast.expr) -> tuple[str | None, list[Any]]:
    """`model['a'].b` gives ('model', ['a', 'b']); a computed key gives (None, [])."""
    path: list[Any] = []
    while isinstance(target, (ast.Subscript, ast.Attribute)):
        if isinstance(target, ast.Attribute):
            path.append(target.attr)
        elif isinstance(target.slice, ast.Constant):
            path.append(target.slice.value)
        else:
            return None, []
        target = target.value
    return (target.id, path[::-1]) if isinstance(target, ast.Name) else (None, [])


def assigned_lines(tree: ast.Module) -> dict[str, int]:
    """The line of the last top-level statement that mentions each name as a target, loops and `with` included."""
    lines: dict[str, int] = {}
    for statement in tree.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                lines[node.id] = statement.lineno
    return lines


def _name_file(node: Any, file: str) -> None:
    """Say of values that the code of `file` changed, in ways that show no line, that they are from there."""
    if isinstance(node, ConfigDict):
        for key, origin in node._origins.items():
            if origin.file == CODE:
                node._origins[key] = Origin(file, 0, origin.overrides)
        for value in node.values():
            _name_file(value, file)
    elif isinstance(node, (list, tuple)):
        for value in node:
            _name_file(value, file)


def run(tree: ast.Module, file: str, base: ConfigDict, variables: dict[str, Any]) -> dict[str, Any]:
    """The top-level values of a config file: everything but dunder names, modules and functions.

    Args:
        base: what `_base_` is in the file, which may change it.
        variables: values of further names, which are not among the results.
    """
    namespace: dict[str, Any] = {'__file__': file, '__name__': '__config__', '_base_': base, **variables}
    exec(compile(tree, file, 'exec'), namespace)
    if namespace.get('_base_') is not base:
        raise ConfigError(f'{Origin(file, 0)}: _base_ should be assigned once, at the top level of the file')
    return {
        name: value
        for name, value in namespace.items()
        if not name.startswith('__')
        and name != '_base_'
        and name not in variables
        and not isinstance(value, (types.ModuleType, types.FunctionType, types.BuiltinFunctionType))
    }
