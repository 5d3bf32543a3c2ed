"""Configs as Python text that loads again."""

from __future__ import annotations

import keyword
from typing import Any

WIDTH = 100


def format_config(values: dict[str, Any]) -> str:
    """One assignment a top-level key, sorted as they are set."""
    return ''.join(f'{key} = {format_value(value, 0, len(key) + 3)}\n' for key, value in values.items())


def format_value(value: Any, depth: int, used: int) -> str:
    """The value as an expression; on one line where it fits into the width after `used` columns."""
    flat = _flat(value)
    if used + len(flat) <= WIDTH or not isinstance(value, (dict, list, tuple)) or not value:
        return flat
    inner, outer = '    ' * (depth + 1), '    ' * depth
    column = len(inner)
    if isinstance(value, dict):
        if _as_call(value):
            lines = [f'{inner}{k}={format_value(v, depth + 1, column + len(k) + 2)},\n' for k, v in value.items()]
            return f'dict(\n{"".join(lines)}{outer})'
        lines = [f'{inner}{k!r}: {format_value(v, depth + 1, column + len(repr(k)) + 3)},\n' for k, v in value.items()]
        return f'{{\n{"".join(lines)}{outer}}}'
    opening, closing = ('[', ']') if isinstance(value, list) else ('(', ')')
    lines = [f'{inner}{format_value(v, depth + 1, column + 1)},\n' for v in value]
    return f'{opening}\n{"".join(lines)}{outer}{closing}'


def _as_call(value: dict) -> bool:
    return all(isinstance(k, str) and k.isidentifier() and not keyword.iskeyword(k) for k in value)


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        if _as_call(value):
            return f'dict({", ".join(f"{k}={_flat(v)}" for k, v in value.items())})'
        return '{' + ', '.join(f'{k!r}: {_flat(v)}' for k, v in value.items()) + '}'
    if type(value) is list:
        return f'[{", ".join(map(_flat, value))}]'
    if type(value) is tuple:
        return f'({", ".join(map(_flat, value))}{"," if len(value) == 1 else ""})'
    if isinstance(value, float) and value in (float('inf'), float('-inf')):
        return f"float('{value}')"
    if isinstance(value, float) and value != value:
        return "float('nan')"
    if isinstance(value, type) or (callable(value) and hasattr(value, '__qualname__')):
        return repr(f'{value.__module__}.{value.__qualname__}')
    return repr(value)
