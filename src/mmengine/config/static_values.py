"""What an expression says without running anything: literals, known names, arithmetic, formatting, `dict(...)`."""

from __future__ import annotations

import ast
import operator
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mmengine.utils.errors import ConfigError

from .lazy import Lazy, LazyAttr

LONGEST = 100_000  # entries or characters that an operation may make
BIGGEST = 10**30
_NUMBERS = re.compile(r'\d{4,}|\*')
_LEAVES = (str, int, float, bool, complex, bytes, type(None))
OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}


@dataclass(frozen=True)
class NotEvaluated:
    """Stands for a value that only running the config would tell."""

    source: str

    def __repr__(self) -> str:
        return f'<not evaluated: {self.source}>'


class StopError(ConfigError):
    """An expression is beyond what is evaluated."""

    def __init__(self, node: ast.AST, why: str) -> None:
        super().__init__(why)
        self.node = node


def source_of(node: ast.AST, longest: int = 80) -> str:
    """The text of a piece of code on one line."""
    text = ' '.join(ast.unparse(node).split())
    return text if len(text) <= longest else f'{text[: longest - 3]}...'


class Evaluator:
    """Evaluates expressions over the names of one file.

    Attributes:
        names: values of names; those that only running would tell are `NotEvaluated`.
        stops: for each expression that was given up: where it stands and why.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.stops: list[tuple[ast.AST, str]] = []

    def value(self, node: ast.expr) -> Any:
        """The value of an expression, with `NotEvaluated` for the parts of dicts, lists and tuples that stay open."""
        try:
            return self._exact(node)
        except StopError as stop:
            partial = self._partial(node)
            if partial is None:
                self.stops.append((stop.node, str(stop)))
                return NotEvaluated(source_of(node))
            return partial
        except RecursionError:
            self.stops.append((node, 'nested too deeply'))
            return NotEvaluated('...')

    def _partial(self, node: ast.expr) -> Any:
        match node:
            case ast.List(elts) if not _starred(elts):
                return [self.value(e) for e in elts]
            case ast.Tuple(elts) if not _starred(elts):
                return tuple(self.value(e) for e in elts)
            case ast.Dict(keys, values) if all(isinstance(k, ast.Constant) for k in keys):
                return {k.value: self.value(v) for k, v in zip(keys, values, strict=True)}  # type: ignore[union-attr]
            case ast.Call(ast.Name('dict'), [], keywords) if 'dict' not in self.names:
                if all(k.arg is not None for k in keywords):
                    return {k.arg: self.value(k.value) for k in keywords}
        return None

    def _exact(self, node: ast.expr) -> Any:
        try:
            return self._of(node)
        except StopError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise StopError(node, f'{source_of(node)} raises {type(error).__name__}: {error}') from error

    def _of(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value):
                return value
            case ast.Name(name):
                return self._name(node, name)
            case ast.List(elts):
                return list(self._items(elts))
            case ast.Tuple(elts):
                return tuple(self._items(elts))
            case ast.Set(elts):
                return set(self._items(elts))
            case ast.Dict(keys, values):
                return self._dict(zip(keys, values, strict=True))
            case ast.Call(ast.Name('dict'), positional, keywords) if 'dict' not in self.names:
                made = dict(*(self._plain_value(p) for p in positional))
                pairs = ((k.arg and ast.Constant(k.arg), k.value) for k in keywords)
                return made | self._dict(pairs)
            case ast.Call(ast.Attribute(text, 'format'), positional, keywords):
                return self._format_call(node, text, positional, keywords)
            case ast.UnaryOp(op, operand):
                return self._plain(OPERATORS[type(op)], operand)
            case ast.BinOp(left, op, right) if type(op) in OPERATORS:
                return self.binary(node, op, self._exact(left), self._exact(right))
            case ast.JoinedStr(parts):
                return ''.join(self._format(p) for p in parts)
            case ast.Subscript(container, index):
                return self._subscript(node, container, index)
            case ast.Attribute(container, name):
                found = self._exact(container)
                if isinstance(found, dict) and name in found:
                    return self._known(node, found[name])
                if isinstance(found, Lazy) and not name.startswith('__'):
                    return LazyAttr(name, found, found.location)
        raise StopError(node, f'{source_of(node)} would have to be run')

    def _known(self, node: ast.AST, value: Any) -> Any:
        if isinstance(value, NotEvaluated):
            raise StopError(node, f'{source_of(node)} is not known, it is {value.source}')
        return value

    def _name(self, node: ast.expr, name: str) -> Any:
        if name not in self.names:
            raise StopError(node, f'{name} is not known')
        return self._known(node, self.names[name])

    def _items(self, elements: list[ast.expr]) -> Iterator[Any]:
        for element in elements:
            if isinstance(element, ast.Starred):
                inner = self._exact(element.value)
                if not isinstance(inner, (list, tuple, dict, str)):
                    raise StopError(element, f'{source_of(element)} would have to be run')
                yield from inner
            else:
                yield self._exact(element)

    def _dict(self, pairs: Any) -> dict:
        made: dict = {}
        for key, value in pairs:
            if key is None:
                made.update(self._plain_value(value))
            else:
                made[self._exact(key)] = self._exact(value)
        return made

    def _plain_value(self, node: ast.expr) -> Any:
        value = self._exact(node)
        if isinstance(value, Lazy):  # what is done with it would import it
            raise StopError(node, f'{source_of(node)} would have to be imported')
        return value

    def _plain(self, function: Callable, operand: ast.expr) -> Any:
        return function(self._leaf(operand, self._exact(operand)))

    def _leaf(self, node: ast.AST, value: Any) -> Any:
        if type(value) not in _LEAVES:
            raise StopError(node, f'{source_of(node)} is no number or text')
        return value

    def binary(self, node: ast.AST, op: ast.operator, left: Any, right: Any) -> Any:
        """`left op right` for plain values, unless the result would be huge."""
        kinds = (*_LEAVES, list, tuple)
        open_right = isinstance(op, ast.Mod) and isinstance(left, (str, bytes))  # seen to below
        if type(left) not in kinds or (type(right) not in kinds and not open_right):
            raise StopError(node, f'{source_of(node)} would have to be run')
        if isinstance(op, ast.Mod) and isinstance(left, (str, bytes)):
            self._short(node, left)
            for value in right if isinstance(right, tuple) else right.values() if isinstance(right, dict) else [right]:
                self._leaf(node, value)
        elif isinstance(op, (ast.Mult, ast.Pow)):
            for one, other in ((left, right), (right, left)):
                if isinstance(one, (str, bytes, list, tuple)) and isinstance(other, int) and len(one) * other > LONGEST:
                    raise StopError(node, f'{source_of(node)} is too long')
                if isinstance(one, int) and abs(one) > BIGGEST:
                    raise StopError(node, f'{source_of(node)} is too big')
            if isinstance(op, ast.Pow) and isinstance(right, int) and abs(right) > 100:
                raise StopError(node, f'{source_of(node)} is too big')
        elif isinstance(left, (str, bytes, list, tuple)) and len(left) > LONGEST:
            raise StopError(node, f'{source_of(node)} is too long')
        return OPERATORS[type(op)](left, right)

    def _short(self, node: ast.AST, form: Any) -> None:
        if _NUMBERS.search(form if isinstance(form, str) else form.decode('latin1')):
            raise StopError(node, f'{source_of(node)} is too long')

    def _format(self, part: ast.expr) -> str:
        if isinstance(part, ast.Constant):
            return str(part.value)
        if not isinstance(part, ast.FormattedValue):
            raise StopError(part, f'{source_of(part)} would have to be run')
        value = self._exact(part.value)
        if not isinstance(value, (*_LEAVES, list, tuple, dict)):
            raise StopError(part, f'{source_of(part)} would have to be run')
        form = ''.join(self._format(p) for p in part.format_spec.values) if part.format_spec else ''  # type: ignore[attr-defined]
        self._short(part, form)
        conversions: dict[int, Callable[[Any], str]] = {ord('r'): repr, ord('s'): str, ord('a'): ascii}
        convert = conversions.get(part.conversion)
        return format(convert(value) if convert else value, form)

    def _format_call(self, node: ast.expr, text: ast.expr, positional: list, keywords: list[ast.keyword]) -> str:
        form = self._exact(text)
        if not isinstance(form, str):
            raise StopError(node, f'{source_of(node)} would have to be run')
        for _, field, spec, _ in string.Formatter().parse(form):
            # Fields such as `{0.a}` look up attributes, and specifications may hold fields again.
            if not (field or '').replace('_', 'a').isalnum() and field:
                raise StopError(node, f'{source_of(node)} would have to be run')
            if '{' in (spec or ''):
                raise StopError(node, f'{source_of(node)} would have to be run')
            self._short(node, spec or '')
        given = [self._leaf(p, self._exact(p)) for p in positional]
        named = self._dict((k.arg and ast.Constant(k.arg), k.value) for k in keywords)
        return form.format(*given, **{k: self._leaf(node, v) for k, v in named.items()})

    def _subscript(self, node: ast.expr, container: ast.expr, index: ast.expr) -> Any:
        values = self._exact(container)
        if not isinstance(values, (dict, list, tuple, str)):
            raise StopError(node, f'{source_of(node)} would have to be run')
        if isinstance(index, ast.Slice):
            ends = (None if e is None else self._plain_value(e) for e in (index.lower, index.upper, index.step))
            return values[slice(*ends)]
        return self._known(node, values[self._plain_value(index)])


def _starred(elements: list[ast.expr]) -> bool:
    return any(isinstance(e, ast.Starred) for e in elements)
