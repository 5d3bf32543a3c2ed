"""Whether a value of a config is of the kind that an annotation says, where that is simple."""

from __future__ import annotations

import collections.abc
import types
import typing
from typing import Any

import torch

from mmengine.config.static_values import NotEvaluated


def fits(value: Any, annotation: Any) -> bool:
    """Whether `value`, as configs spell it, is of the kind that an annotation says; True where that is not simple."""
    if isinstance(value, NotEvaluated):
        return True
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, a) for a in inner)
    if origin is typing.Literal:
        return value in inner
    if annotation in (None, type(None)):
        return value is None
    kind = origin or annotation
    if kind is bool:
        return isinstance(value, bool)
    if kind in (int, float):
        whole = kind is float or (isinstance(value, float) and value.is_integer())
        return isinstance(value, int) and not isinstance(value, bool) or isinstance(value, float) and whole
    if kind is str:
        return isinstance(value, str)
    if kind in (dict, collections.abc.Mapping):
        return isinstance(value, dict)
    if kind in (list, tuple, collections.abc.Sequence):
        # JSON and YAML have no tuples, and what takes one sequence takes the other.
        if not isinstance(value, (list, tuple)):
            return kind is collections.abc.Sequence and isinstance(value, str) and inner in ((str,), ())
        if kind is tuple and inner and Ellipsis not in inner:
            return len(value) == len(inner) and all(fits(v, a) for v, a in zip(value, inner, strict=True))
        element = inner[0] if inner else typing.Any
        return all(fits(v, element) for v in value)
    return not (kind is torch.Tensor and isinstance(value, str))


def shown(annotation: Any) -> str:
    """An annotation in words."""
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return ' or '.join(dict.fromkeys(shown(a) for a in inner))
    if typing.get_origin(annotation) is typing.Literal:
        return ' or '.join(map(repr, inner))
    return {type(None): 'None'}.get(annotation) or getattr(annotation, '__name__', None) or str(annotation)


def cast(value: Any, annotation: Any) -> str:
    """How the value would be written in the kind that is wanted."""
    if isinstance(value, str) and value.lower() in ('true', 'false', 'none'):
        return f'without quotes: {value.capitalize()}'
    if isinstance(value, str):
        for convert in (int, float):
            try:
                number = convert(value)
            except ValueError:
                continue
            if fits(number, annotation):
                return f'without quotes: {value}'
    if not isinstance(value, (list, tuple, dict, str)) and fits([value], annotation):
        return f'as a list: [{value!r}]'
    return ''
