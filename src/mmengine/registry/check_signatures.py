"""What the signature of a class or function says of its arguments."""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
import typing
from functools import cache
from inspect import isclass
from typing import Any

from .build_functions import parameters_of


@cache
def arguments_of(target: Any) -> dict[str, inspect.Parameter]:
    """The parameters of a class or function by name, with those of parents that it forwards `**kwargs` to."""
    callables = (
        [vars(c)['__init__'] for c in target.__mro__[:-1] if '__init__' in vars(c)] if isclass(target) else [target]
    )
    named: dict[str, inspect.Parameter] = {}
    for function in callables:
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):
            break
        for name, parameter in signature.parameters.items():
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                named.setdefault(name, parameter.replace(annotation=_evaluated(parameter.annotation, function)))
    allowed = parameters_of(target)
    return {name: named[name] for name in allowed if name in named and name != 'self'}


@cache
def takes_anything(target: Any) -> bool:
    """Whether unknown arguments end in a `**kwargs` that no parent narrows, so that nothing can be said of them."""
    if not isclass(target):
        return _variadic(target) is not None
    for function in [vars(c)['__init__'] for c in target.__mro__[:-1] if '__init__' in vars(c)]:
        name = _variadic(function)
        if name is None:
            return False
        if name == '' or _handed_up(function, name) is None:
            return True
    return False


def _variadic(function: Any) -> str | None:
    """The name of the `**kwargs` of a function; '' if it does not tell its parameters."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ''
    return next((p.name for p in parameters if p.kind is p.VAR_KEYWORD), None)


@cache
def _handed_up(function: Any, name: str) -> ast.Call | None:
    """The call of the parent's constructor, if a constructor does nothing with its `**kwargs` but hand them to it."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    uses = sum(isinstance(n, ast.Name) and n.id == name for n in ast.walk(tree))
    calls = [
        call
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == '__init__'
        for keyword in call.keywords
        if keyword.arg is None and isinstance(keyword.value, ast.Name) and keyword.value.id == name
    ]
    return calls[0] if uses == len(calls) == 1 else None


@cache
def needs(target: Any) -> list[str]:
    """The arguments without default, as far as signatures tell: those of parents that no constructor gives itself."""
    needed: list[str] = []
    given = {'self'}
    functions = [vars(c)['__init__'] for c in target.__mro__[:-1] if '__init__' in vars(c)] if isclass(target) else []
    for function in functions or [target]:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            break
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        needed += [
            p.name for p in parameters if p.default is p.empty and p.kind not in variadic and p.name not in given
        ]
        given |= {p.name for p in parameters}
        name = _variadic(function)
        call = _handed_up(function, name) if name else None
        if call is None or call.args:
            break
        given |= {keyword.arg for keyword in call.keywords if keyword.arg is not None}
    return needed


def _evaluated(annotation: Any, function: Any) -> Any:
    """An annotation as an object; `Any` for what cannot be told here."""
    if not isinstance(annotation, str):
        return typing.Any if annotation is inspect.Parameter.empty else annotation
    try:
        return eval(annotation, getattr(inspect.unwrap(function), '__globals__', {}), vars(builtins))
    except Exception:  # noqa: BLE001 - names under TYPE_CHECKING; such an annotation says nothing
        return typing.Any
