"""Classes and palettes as tables."""

from __future__ import annotations


def metainfo(table: str) -> dict:
    """`classes` and `palette` from a table with a class a line: its colour `rrggbb`, a space, its name."""
    rows = [line.split(' ', 1) for line in table.strip().splitlines()]
    return {
        'classes': tuple(name for _, name in rows),
        'palette': [list(bytes.fromhex(colour)) for colour, _ in rows],
    }
