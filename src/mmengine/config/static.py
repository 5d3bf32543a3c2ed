"""Load a config without running any of it.

A Python config is a program. This reads what it says by literals, names, arithmetic, formatted text and `dict(...)`,
follows `_base_`, and leaves open whatever would take running: calls, loops, branches, what is imported.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

from mmengine.utils.errors import ConfigError

from .config_dict import ConfigDict, HandedOn, clone, to_config
from .data_source import read_data, with_lines
from .lazy import Lazy, LazyObject
from .lazy_source import base_name, is_lazy, is_standard
from .loading import (
    BASE_KEY,
    BASE_VARIABLE,
    Loader,
    _bases_in,
    _fill,
    _join,
    _names,
    _placeholder,
    _resolve,
    _variable,
    occurs,
)
from .merge import DELETE_KEY, merge
from .origin import Origin, origin_of
from .python_source import Lines, assigned_lines
from .static_values import Evaluator, NotEvaluated, StopError, source_of

Stop = tuple[str, int, str]  # file, line, what would have to be run


def load_static(path: str | Path) -> tuple[ConfigDict, list[Stop]]:
    """The values of a config file and its bases, as far as they can be read without running anything.

    A value that cannot is `NotEvaluated`, which prints as `<not evaluated: source text>`. What a statement that was
    not run would have changed beyond the names that it assigns is not known; the statement is among the places.

    Returns:
        the merged values, and for each place where reading had to stop the file, the line and what stands there.

    Raises:
        ConfigError: a file is absent or broken, or the bases form a circle.
    """
    loader = StaticLoader()
    values = loader.load(path)
    values.set_path('')
    return values, sorted(set(loader.stops))


class StaticLoader(Loader):
    """A loader that runs nothing.

    Attributes:
        stops: where reading had to stop so far.
    """

    def __init__(self, use_predefined_variables: bool = True, use_environment_variables: bool = True) -> None:
        super().__init__(use_predefined_variables, use_environment_variables)
        self.stops: list[Stop] = []

    def load_text(self, text: str, file: str, stack: tuple[str, ...] = ()) -> ConfigDict:
        own = (file, text)
        placeholders: dict[str, str] = {}
        text = BASE_VARIABLE.sub(lambda m: _placeholder(m[1], placeholders), self._substitute(text, file))
        if not file.endswith('.py'):
            values = read_data(text, file)
            base, _ = self._bases(_bases_in(values, text, file), file, stack)
            known = self._known(placeholders, base, file, values)
            return self._merged(_fill(with_lines(to_config(values), text, file), known), base)
        try:
            tree = ast.parse(text, file)
        except SyntaxError as error:
            raise ConfigError(
                f'{Origin(file, error.lineno or 0)}: {error.msg}: {(error.text or "").strip()}'
            ) from error
        except (ValueError, RecursionError, MemoryError) as error:  # null bytes; nested too deeply
            raise ConfigError(f'{Origin(file, 0)} cannot be read: {error or type(error).__name__}') from error
        base, imported = self._bases(self._base_names(tree, file), file, stack)
        base = clone(base, HandedOn)
        known = self._known(placeholders, base, file, tree)
        reader = _Reader(self, file, stack, base, known, is_lazy(tree))
        reader.read(tree.body)
        self.imported[file] = {n: v for n, v in reader.names.items() if n in reader.no_values and isinstance(v, Lazy)}
        self.stops += [(file, getattr(node, 'lineno', 0), what) for node, what in reader.evaluator.stops]
        self.texts.append(own)
        node = Lines(tree, file).apply(reader.values(), assigned_lines(tree), base)
        return self._merged(_fill(node, known), base)

    def _bases(
        self, names: list[tuple[str, Origin]], file: str, stack: tuple[str, ...]
    ) -> tuple[ConfigDict, list[ConfigDict]]:
        bases = [self.load(_resolve(name, file, at), (*stack, file), f'{name!r} at {at}') for name, at in names]
        return _join(bases, file), bases

    def _base_names(self, tree: ast.Module, file: str) -> list[tuple[str, Origin]]:
        for statement in tree.body:
            match statement:
                case ast.Assign([ast.Name('_base_')], value):
                    try:
                        names = Evaluator({})._exact(value)
                    except StopError as stop:
                        self.stops.append((file, value.lineno, f'{BASE_KEY}: {stop}'))
                        return []
                    at = Origin(file, value.lineno)
                    lines = [e.lineno for e in value.elts] if isinstance(value, (ast.List, ast.Tuple)) else []
                    found = _names(names, at)
                    lines = lines if len(lines) == len(found) else [value.lineno] * len(found)
                    return [(name, Origin(file, line)) for name, line in zip(found, lines, strict=True)]
        return []

    def _known(self, placeholders: dict[str, str], base: ConfigDict, file: str, content: Any) -> dict[str, Any]:
        known = {}
        for name, path in placeholders.items():
            try:
                known[name] = _variable(base, path, file)
            except ConfigError:
                if not self.stops and occurs(name, content):
                    raise
                known[name] = NotEvaluated(f'_base_.{path}')
        return known

    def _merged(self, child: ConfigDict, base: ConfigDict) -> ConfigDict:
        child.set_path('')
        if not base:
            return child
        self._open(child, base)
        return merge(child, base)

    def _open(self, child: ConfigDict, base: ConfigDict) -> None:
        """What is merged into a value that is not known stands for itself."""
        for key, value in dict.items(child):
            before = dict.get(base, key)
            if isinstance(value, ConfigDict) and isinstance(before, NotEvaluated):
                origin = origin_of(child, key) or Origin('', 0)
                self.stops.append((origin.file, origin.line, f'{key} is merged into {before.source}'))
                dict.__setitem__(value, DELETE_KEY, True)
            elif isinstance(value, ConfigDict) and isinstance(before, ConfigDict):
                self._open(value, before)


class _Reader:
    """The statements of one file, read in order."""

    def __init__(
        self,
        loader: StaticLoader,
        file: str,
        stack: tuple[str, ...],
        base: ConfigDict,
        known: dict[str, Any],
        lazy: bool,
    ) -> None:
        self.loader, self.file, self.stack, self.lazy = loader, file, stack, lazy
        self.no_values = {'_base_', '__file__', '__name__', *known}  # functions and imports as well
        names = {'_base_': base, '__file__': file, '__name__': '__config__', **known}
        self.evaluator = Evaluator(names)
        self.names = names

    def values(self) -> dict[str, Any]:
        return {k: v for k, v in self.names.items() if k not in self.no_values and not k.startswith('__')}

    def read(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            try:
                self._read(statement)
            except StopError as stop:
                self._stop(statement, str(stop))
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                self._stop(statement, f'{source_of(statement)} raises {type(error).__name__}: {error}')

    def _stop(self, node: ast.AST, what: str) -> None:
        self.evaluator.stops.append((node, what))

    def _read(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign([ast.Name('_base_')], _) | ast.Pass() | ast.Expr(ast.Constant()):
                pass
            case ast.AnnAssign(value=None):
                pass
            case ast.Assign(targets, value):
                result = self.evaluator.value(value)
                for target in targets:
                    self._assign(target, result)
            case ast.AnnAssign(target, _, ast.expr() as value):
                self._assign(target, self.evaluator.value(value))
            case ast.AugAssign(target, op, value):
                self._augment(statement, target, op, value)
            case ast.Delete(targets):
                for target in targets:
                    self._delete(target)
            case ast.Import(aliases) | ast.ImportFrom(names=aliases):
                for alias in aliases:
                    name = alias.asname or alias.name.partition('.')[0]
                    self._hide(name, source_of(statement))
                    if self.lazy and (lazy := self._lazy_name(statement, alias)) is not None:
                        self.names[name] = lazy
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                self._hide(name, f'{name} of line {statement.lineno}')
            case ast.With([ast.withitem(ast.Call(ast.Name('read_base'), [], []))], body):
                for each in body:
                    self._read_base(each)
            case _:
                self._leave_open(statement)

    def _lazy_name(self, statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> LazyObject | None:
        """What an import of the lazy style binds, which is not imported by running such a config either."""
        at = Origin(self.file, statement.lineno)
        if isinstance(statement, ast.Import):
            if is_standard(alias.name):
                return None
            return LazyObject(alias.name if alias.asname else alias.name.partition('.')[0], location=at)
        if statement.level or not statement.module or is_standard(statement.module) or alias.name in ('*', 'read_base'):
            return None
        return LazyObject(statement.module, alias.name, at)

    def _hide(self, name: str, source: str) -> None:
        self.names[name] = NotEvaluated(source)
        self.no_values.add(name)

    def _assign(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(name):
                self.names[name] = value
                self.no_values.discard(name)
            case ast.Tuple(elements) | ast.List(elements):
                known = isinstance(value, (list, tuple)) and len(value) == len(elements)
                for number, each in enumerate(elements):
                    self._assign(each, value[number] if known else NotEvaluated(f'{source_of(target)} = ...'))
            case ast.Subscript(container, index):
                self._container(container)[self.evaluator._plain_value(index)] = value
            case ast.Attribute(container, name) if isinstance(self._container(container), ConfigDict):
                self._container(container)[name] = value
            case ast.Starred(inner):
                self._assign(inner, NotEvaluated(source_of(target)))
            case _:
                raise StopError(target, f'{source_of(target)} = ... would have to be run')

    def _container(self, node: ast.expr) -> Any:
        found = self.evaluator._exact(node)
        if not isinstance(found, (dict, list)):
            raise StopError(node, f'{source_of(node)} is no dict or list')
        return found

    def _augment(self, statement: ast.stmt, target: Any, op: ast.operator, value: ast.expr) -> None:
        loaded = ast.parse(ast.unparse(target), mode='eval').body
        added = self.evaluator.value(ast.copy_location(ast.BinOp(loaded, op, value), statement))
        self._assign(target, added)

    def _delete(self, target: ast.expr) -> None:
        match target:
            case ast.Name(name):
                del self.names[name]
            case ast.Subscript(container, index):
                del self._container(container)[self.evaluator._plain_value(index)]
            case ast.Attribute(container, name):
                del self._container(container)[name]
            case _:
                raise StopError(target, f'del {source_of(target)} would have to be run')

    def _leave_open(self, statement: ast.stmt) -> None:
        """A statement that would have to be run: the names that it assigns are not known from here on."""
        first = ast.unparse(statement).splitlines()[0][:80]
        self._stop(statement, f'{first} would have to be run')
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id != '_base_':
                self._assign(node, NotEvaluated(first))

    # ------------------------------------------------------------------------------------------- read_base()

    def _read_base(self, statement: ast.stmt) -> None:
        match statement:
            case ast.ImportFrom(names=aliases):
                asked = f'{source_of(statement)} at {Origin(self.file, statement.lineno)}'
                found = os.path.abspath(_resolve(base_name(statement, self.file), self.file, asked))
                values = dict(clone(self.loader.load(found, (*self.stack, self.file), asked), HandedOn))
                imported = self.loader.imported.get(found, {})
                for alias in aliases:
                    if alias.name == '*':
                        self.names.update({**imported, **values})
                        self.no_values |= imported.keys()
                    else:
                        self.names[alias.asname or alias.name] = {**imported, **values}[alias.name]
            case ast.Pass():
                pass
            case _:
                self._leave_open(statement)
