"""`--cfg-options KEY=VALUE …` for argparse."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from typing import Any

UNMATCHED = 'brackets do not match; quote text that has some, as in KEY=\'"a)"\''


class DictAction(argparse.Action):
    """Collects `KEY=VALUE` into a dict.

    A value is an integer, a float, a boolean, None or a string; `[a,b]` and `a,b` are lists, `(a,b)` is a tuple, and
    they nest. Quotes make a string of anything.
    """

    @staticmethod
    def _parse_int_float_bool(val: str) -> Any:
        for kind in (int, float):
            try:
                return kind(val)
            except ValueError:
                continue
        if len(val) > 1 and val[0] == val[-1] and val[0] in '\'"':
            return val[1:-1]
        # `none` stays text: it is the value of arguments such as `reduction`.
        return None if val == 'None' else {'true': True, 'false': False}.get(val.lower(), val)

    @classmethod
    def _parse_iterable(cls, val: str) -> Any:
        val = val.strip()
        parts = _split(val)
        if len(parts) > 1:
            return [cls._parse_iterable(p) for p in parts[: None if parts[-1].strip() else -1]]
        if len(val) >= 2 and (val[0], val[-1]) in (('[', ']'), ('(', ')')):
            inner = _split(val[1:-1])
            # A trailing comma, as in `(1,)`, adds nothing.
            items = [cls._parse_iterable(p) for p in inner[: None if inner[-1].strip() else -1]]
            return tuple(items) if val[0] == '(' else items
        return cls._parse_int_float_bool(val)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        options = copy.copy(getattr(namespace, self.dest, None) or {})
        for pair in values if isinstance(values, Sequence) and not isinstance(values, str) else [values]:
            key, equals, text = pair.partition('=')
            if not equals or not key:
                parser.error(f'{option_string}: {pair!r} is not of the form KEY=VALUE')
            try:
                options[key] = self._parse_iterable(text)
            except ValueError as error:
                parser.error(f'{option_string}: {pair!r}: {error}')
        setattr(namespace, self.dest, options)


def _split(text: str) -> list[str]:
    """`text` at the commas outside of brackets and quotes.

    Raises:
        ValueError: brackets that do not match.
    """
    parts, current, depth, quote = [], '', 0, ''
    for char in text:
        if quote:
            quote = '' if char == quote else quote
        elif char in '\'"' and not current.strip(' (['):  # an apostrophe inside of a word is none
            quote = char
        elif char in '([':
            depth += 1
        elif char in ')]':
            depth -= 1
            if depth < 0:
                raise ValueError(UNMATCHED)
        elif char == ',' and depth == 0:
            parts.append(current)
            current = ''
            continue
        current += char
    if depth:
        raise ValueError(UNMATCHED)
    return [*parts, current]
