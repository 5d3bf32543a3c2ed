"""Configs as Python text that loads again."""

from __future__ import annotations

import keyword
import math
import sys
from typing import Any

WIDTH = 100


def format_config(values: dict[str, Any]) -> str:
    """One assignment a top-level key, in their order; classes and functions are imported first."""
    imports: dict[str, str] = {}
    lines = []
    for key, value in values.items():
        name = key if _is_name(key) else f'globals()[{key!r}]'
        lines.append(f'{name} = {_format(value, 0, len(name) + 3, imports)}\n')
    return ''.join([*imports.values(), *lines])


def _format(value: Any, depth: int, used: int, imports: dict[str, str]) -> str:
    """The value as an expression; on one line where it fits into the width after `used` columns."""
    flat = _flat(value, imports)
    if used + len(flat) <= WIDTH or not isinstance(value, (dict, list, tuple)) or not value:
        return flat
    inner, outer = '    ' * (depth + 1), '    ' * depth
    if isinstance(value, dict):
        call = all(map(_is_name, value))
        heads = [f'{k}=' if call else f'{_flat(k, imports)}: ' for k in value]
        opening, closing = ('dict(', ')') if call else ('{', '}')
        items = list(value.values())
    else:
        opening, closing = '[]' if isinstance(value, list) else '()'
        heads, items = [''] * len(value), list(value)
    lines = [
        f'{inner}{head}{_format(item, depth + 1, len(inner) + len(head) + 1, imports)},\n'
        for head, item in zip(heads, items, strict=True)
    ]
    return f'{opening}\n{"".join(lines)}{outer}{closing}'


def _is_name(key: Any) -> bool:
    # Python normalises other than ASCII names, so these would not come back as they were.
    return isinstance(key, str) and key.isascii() and key.isidentifier() and not keyword.iskeyword(key)


def _flat(value: Any, imports: dict[str, str]) -> str:
    # Of subclasses, such as NumPy's floats and enumerations, the plain value is written.
    match value:
        case dict():
            if all(map(_is_name, value)):
                return f'dict({", ".join(f"{k}={_flat(v, imports)}" for k, v in value.items())})'
            return f'{{{", ".join(f"{_flat(k, imports)}: {_flat(v, imports)}" for k, v in value.items())}}}'
        case list():
            return f'[{", ".join(_flat(v, imports) for v in value)}]'
        case tuple():
            return f'({", ".join(_flat(v, imports) for v in value)}{"," if len(value) == 1 else ""})'
        case set() | frozenset() if value:
            inner = f'{{{", ".join(sorted(_flat(v, imports) for v in value))}}}'
            return inner if isinstance(value, set) else f'frozenset({inner})'
        case bool() | None:
            return repr(value)
        case int():
            return int.__repr__(value)
        case float():
            return float.__repr__(value) if math.isfinite(value) else f"float('{float.__repr__(value)}')"
        case str():
            # Doubled braces would be read as a variable of the config.
            return str.__repr__(value).replace('{{', '{\\x7b')
        case bytes() | complex() | range() | set() | frozenset():
            return repr(value)
    return _imported(value, imports) or _flat(repr(value), imports)


def _imported(value: Any, imports: dict[str, str]) -> str | None:
    """The name of a class or function, after adding the import that gives it; None if it cannot be imported."""
    module, name = getattr(value, '__module__', None), getattr(value, '__qualname__', '')
    if getattr(sys.modules.get(module or ''), name, None) is not value or not _is_name(name):
        return None
    if module == 'builtins':
        return name
    # Names with two underscores are no values of the config.
    alias = f'__{module}.{name}'.replace('.', '_')
    imports[alias] = f'from {module} import {name} as {alias}\n'
    return alias
