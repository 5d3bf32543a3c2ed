"""Python config files: run them, and find for every value the line that set it."""

from __future__ import annotations

import ast
import types
from typing import Any

from mmengine.utils.errors import ConfigError

from .config_dict import ConfigDict, HandedOn, clone
from .lazy_source import HIDDEN, LazyImports
from .origin import CONFIG, Origin

Names = dict[str, ast.expr]
LITERAL = '__config_literal'


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
            if isinstance(value, ast.Name) and value.id.startswith(HIDDEN) and isinstance(target, ast.Name):
                self.names.pop(target.id, None)  # imported, or from a base
            elif isinstance(target, ast.Name):
                self.names[target.id] = value
                self.patches = [p for p in self.patches if p[0] != target.id]
            elif isinstance(target, (ast.Subscript, ast.Attribute)):
                name, path = _target_path(target)
                if name is not None:
                    self.patches.append((name, path, statement, value))

    def origin(self, node: ast.AST) -> Origin:
        return Origin(self.file, getattr(node, 'lineno', 0))

    def apply(
        self,
        values: dict[str, Any],
        statements: dict[str, int],
        base: ConfigDict,
        given: dict[str, tuple[Any, Origin]] | None = None,
    ) -> ConfigDict:
        """The values of the file as nodes with origins; what it changed through `_base_` gets its origins as well.

        Args:
            statements: a line for names without a plain assignment.
            given: values that the file took over from elsewhere, and where they were set.
        """
        root = ConfigDict()
        origins = {}
        for name, value in values.items():
            expression = self.names.get(name)
            line = statements.get(name, 0) if expression is None else expression.lineno
            origins[name] = Origin(self.file, line)
            if name in (given or {}):
                before, origin = given[name]  # type: ignore[index]
                kept = expression is None and value is before
                origins[name] = origin if kept else Origin(self.file, line, origin)
                line = line if not kept or origin.file != self.file else origin.line
            dict.__setitem__(root, name, self.node(value, expression, depth=0, line=line))
        root.set_origin(Origin(self.file, 1), origins)
        for name, path, statement, value in self.patches:
            self._patch(base if name == '_base_' else dict.get(root, name), path, statement, value)
        return root

    def _patch(self, node: Any, path: list[Any], statement: ast.stmt, value: ast.expr) -> None:
        for key in path[:-1]:
            try:
                node = dict.__getitem__(node, key) if isinstance(node, dict) else node[key]
            except (KeyError, IndexError, TypeError):
                return
        key = path[-1]
        if isinstance(node, ConfigDict) and key in node:
            before, origin = node._origins.get(key), self.origin(statement)
            if (before.file, before.line) != (origin.file, origin.line) if before else True:
                node._origins[key] = Origin(origin.file, origin.line, before)
            dict.__setitem__(node, key, self.node(dict.get(node, key), value, depth=0, line=statement.lineno))

    def node(self, value: Any, expression: ast.expr | None, depth: int, line: int) -> Any:
        """`value` as a node whose keys know the lines in `expression`, as far as its form shows them."""
        if not isinstance(value, (dict, list, tuple)):
            return value
        while isinstance(expression, ast.Name) and expression.id in self.names and depth < 50:
            expression, depth = self.names[expression.id], depth + 1
        line = getattr(expression, 'lineno', line)
        if isinstance(value, ConfigDict) and value._origin is not None:
            return clone(value)  # came out of a base file and knows its own
        if isinstance(value, dict):
            made = ConfigDict()
            parts = self._dict_parts(expression, depth)
            origins = {}
            for key, item in dict.items(value):
                part = parts.get(key)
                dict.__setitem__(made, key, self.node(item, part, depth, line))
                origins[key] = Origin(self.file, line if part is None else part.lineno)
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
        # Nearly all statements of a config assign one name, and their values are large.
        places = statement.targets if isinstance(statement, ast.Assign) else [statement]
        for node in (node for place in places for node in ast.walk(place)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                lines[node.id] = statement.lineno
    return lines


class _Literals(ast.NodeTransformer):
    """Has dicts and lists that statements such as `pipeline.append(dict(...))` write down keep their lines."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.seen: list[ast.expr] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Call):
            node.value.args = [self._kept(a) for a in node.value.args]
        return node

    def _kept(self, value: ast.expr) -> ast.expr:
        match value:
            case ast.Dict() | ast.List() | ast.Call(ast.Name('dict')):
                self.seen.append(value)
                call = ast.Call(ast.Name(LITERAL, ast.Load()), [ast.Constant(len(self.seen) - 1), value], [])
                return ast.fix_missing_locations(ast.copy_location(call, value))
        return value

    def node(self, number: int, value: Any) -> Any:
        return clone(self.lines.node(value, self.seen[number], depth=0, line=0), HandedOn)


def run(
    tree: ast.Module, file: str, base: ConfigDict, variables: dict[str, Any], imports: LazyImports | None = None
) -> ConfigDict:
    """The top-level values of a config file: everything but dunder names, modules and functions.

    Args:
        base: what `_base_` is in the file, which may change it.
        variables: values of further names, which are not among the results.
        imports: what the file imports without importing; these names are not among the results either.
    """
    lines, statements = Lines(tree, file), assigned_lines(tree)
    literals = _Literals(lines)
    if not all(isinstance(s, ast.Assign | ast.Import | ast.ImportFrom) for s in tree.body):
        literals.visit(tree)
    if imports is not None:
        variables = {**variables, **imports.names}
    namespace: dict[str, Any] = {'__file__': file, '__name__': CONFIG, '_base_': base, LITERAL: literals.node}
    namespace |= variables
    code = getattr(tree, 'compiled', None)
    if code is None:
        code = tree.compiled = compile(tree, file, 'exec')  # type: ignore[attr-defined]  # a tree may run again
    exec(code, namespace)
    if namespace.get('_base_') is not base:
        raise ConfigError(f'{Origin(file, 0)}: _base_ should be assigned once, at the top level of the file')
    imported = {} if imports is None else imports.imported
    values = {}
    for name, value in namespace.items():
        if name.startswith('__') or name == '_base_' or name in variables:
            continue
        if isinstance(value, (types.ModuleType, types.FunctionType, types.BuiltinFunctionType)):
            imported[name] = value  # for files that read this one
        elif name not in imported or value is not imported[name]:
            values[name] = value
    return lines.apply(values, statements, base, None if imports is None else imports.given)
