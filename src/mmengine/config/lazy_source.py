"""Python configs of the lazy style: `with read_base():`, and imports that import nothing.

The syntax tree decides. A file is of this style if it has `with read_base():`, or if it names no `_base_` and imports
something at its top level. Its bases are then loaded as configs, its imports become `LazyObject`s, and modules of the
standard library are really imported. Functions, classes and `try` keep their imports as they are.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.utils.errors import ConfigError

from .config_dict import ConfigDict, HandedOn, clone
from .lazy import LazyObject, read_base
from .origin import Origin, origin_of

HIDDEN = '__config_'  # names with two underscores are no values of a config
Load = Callable[[str, str], tuple[ConfigDict, dict[str, Any]]]  # base, who asked -> values, imported names


def is_lazy(tree: ast.Module) -> bool:
    """Whether a file is of this style."""
    if any(map(is_read_base, tree.body)):
        return True
    if any(isinstance(s, ast.Assign) and _assigns_base(s) for s in tree.body):
        return False
    return any(not name.startswith('__') for node in tree.body for name in _names_bound_by(node))


def is_read_base(node: ast.AST) -> bool:
    """Whether it is `with read_base():`."""
    match node:
        case ast.With(items=[ast.withitem(ast.Call(ast.Name('read_base') | ast.Attribute(attr='read_base'), [], []))]):
            return True
    return False


def is_standard(module: str) -> bool:
    """Whether a module is one of Python's own."""
    return module.partition('.')[0] in sys.stdlib_module_names


def _assigns_base(statement: ast.Assign) -> bool:
    return any(isinstance(t, ast.Name) and t.id == '_base_' for t in statement.targets)


def _names_bound_by(node: ast.stmt) -> list[str]:
    """The names that an import statement binds, those of dumped configs apart."""
    if not isinstance(node, ast.Import | ast.ImportFrom) or getattr(node, 'module', '') == '__future__':
        return []
    return [alias.asname or alias.name for alias in node.names]


def base_name(statement: ast.ImportFrom, file: str) -> str:
    """The base that an import under `read_base()` means, as `_base_` would name it.

    `from ..models.x import *` is a path from the folder of the file; `from package.configs.x import *` is the config
    `package::x.py`.

    Raises:
        ConfigError: it names no file.
    """
    if not statement.module:
        raise ConfigError(
            f'{Origin(file, statement.lineno)}: `{ast.unparse(statement)}` names no file; '
            'write `from .name import *` for the file name.py'
        )
    if statement.level:
        folder = Path(file).absolute().parents[statement.level - 1]
        return str(folder.joinpath(*statement.module.split('.'))) + '.py'
    package, *parts = statement.module.split('.')
    if not parts:
        raise ConfigError(f'{Origin(file, statement.lineno)}: `{ast.unparse(statement)}` names a package, not a config')
    return f'{package}::{"/".join(parts)}.py'


class LazyImports(ast.NodeTransformer):
    """Takes the imports out of a file and does what they ask for.

    Args:
        load: loads a base.
        everything: whether imports become lazy, too; else `with read_base():` alone is seen to.

    Attributes:
        names: what the changed code refers to, by hidden names.
        imported: what imports bind: these names are no values of the config.
        given: values that come from bases, and where they were set.
    """

    def __init__(self, file: str, load: Load, everything: bool = True) -> None:
        self.file = file
        self.load = load
        self.everything = everything
        self.names: dict[str, Any] = {}
        self.imported: dict[str, Any] = {}
        self.given: dict[str, tuple[Any, Origin]] = {}
        self._packages: dict[str, list[str]] = {}  # top-level names bound by `import a.b`, and all modules so named

    # Functions import for themselves, when they are called; a `try` sees to what is absent.
    def visit_Try(self, node: ast.Try) -> ast.AST:
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST | list[ast.stmt]:
        if not self.everything:
            return node
        bound: dict[str, Any] = {}
        for alias in node.names:
            top = alias.name.partition('.')[0]
            if is_standard(alias.name) or (alias.asname or '').startswith('__'):
                module = importlib.import_module(alias.name)
                bound[alias.asname or top] = module if alias.asname else sys.modules[top]
            elif alias.asname:
                bound[alias.asname] = LazyObject(alias.name, location=self._origin(node))
            else:
                self._packages.setdefault(top, []).append(alias.name)
                modules = list(dict.fromkeys([top, *self._packages[top]]))
                bound[top] = LazyObject(modules if len(modules) > 1 else top, location=self._origin(node))
        self.imported |= bound
        return self._bind(node, bound)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | list[ast.stmt]:
        module = node.module or ''
        if module == '__future__' or not self.everything:
            return node
        if node.level:
            raise ConfigError(
                f'{self._at(node)}: `{ast.unparse(node)}` is a relative import outside of `with read_base():`; '
                'put it inside if it is a base, else import the module by its full name'
            )
        bound: dict[str, Any] = {}
        for alias in node.names:
            name = alias.asname or alias.name
            if is_standard(module) or name.startswith('__'):
                found = importlib.import_module(module)
                if alias.name == '*':
                    public = getattr(found, '__all__', [n for n in vars(found) if not n.startswith('_')])
                    bound |= {n: getattr(found, n) for n in public}
                else:
                    bound[name] = _named(found, alias.name)
            elif alias.name == '*':
                raise ConfigError(
                    f'{self._at(node)}: `{ast.unparse(node)}` would have to be run to know its names; name them'
                )
            elif alias.name == 'read_base' and module in ('mmengine', 'mmengine.config', 'mmengine.config.config'):
                bound[name] = read_base
            else:
                bound[name] = LazyObject(module, alias.name, self._origin(node))
        self.imported |= bound
        return self._bind(node, bound)

    def visit_With(self, node: ast.With) -> ast.AST | list[ast.stmt]:
        if not is_read_base(node):
            return self.generic_visit(node)
        statements: list[ast.stmt] = []
        for inner in node.body:
            if isinstance(inner, ast.ImportFrom):
                statements += self._bind(inner, self._names_of_base(inner))
            elif not isinstance(inner, ast.Pass):
                raise ConfigError(
                    f'{self._at(inner)}: `with read_base():` holds bases, as in `from .name import *`, '
                    f'but got `{ast.unparse(inner).splitlines()[0]}`'
                )
        return statements or [ast.copy_location(ast.Pass(), node)]

    def _names_of_base(self, node: ast.ImportFrom) -> dict[str, Any]:
        values, imported = self.load(base_name(node, self.file), f'`{ast.unparse(node)}` at {self._at(node)}')
        bound: dict[str, Any] = {}
        for alias in node.names:
            wanted = [*imported, *values] if alias.name == '*' else [alias.name]
            for name in wanted:
                if name not in values and name not in imported:
                    known = ', '.join(values) or 'none'
                    raise ConfigError(f'{self._at(node)}: the base sets no {name!r}; it sets {known}')
                given = alias.asname or name
                bound[given] = clone(dict.get(values, name), HandedOn) if name in values else imported[name]
                if name in values:
                    self.given[given] = bound[given], origin_of(values, name) or Origin(self.file, node.lineno)
                else:
                    self.imported[given] = bound[given]
        return bound

    def _bind(self, node: ast.stmt, bound: dict[str, Any]) -> list[ast.stmt]:
        """Statements that give names their values, in place of `node`."""
        statements: list[ast.stmt] = []
        for name, value in bound.items():
            hidden = f'{HIDDEN}{len(self.names)}'
            self.names[hidden] = value
            made = ast.Assign([ast.Name(name, ast.Store())], ast.Name(hidden, ast.Load()))
            statements.append(ast.fix_missing_locations(ast.copy_location(made, node)))
        return statements or [ast.copy_location(ast.Pass(), node)]

    def _at(self, node: ast.AST) -> str:
        return str(self._origin(node))

    def _origin(self, node: ast.AST) -> Origin:
        return Origin(self.file, getattr(node, 'lineno', 0))


def _named(module: Any, name: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        return importlib.import_module(f'{module.__name__}.{name}')
