"""List the data sets that can be prepared, and what each needs."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.padding import Padding

from mmseg.datasets.prepare import PREPARATIONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`mmseg data list` takes none."""


def run(args: argparse.Namespace) -> None:
    """Print names and sources."""
    console = Console(highlight=False, markup=False)
    for name, preparation in sorted(PREPARATIONS.items()):
        console.print(f'{name}: {preparation.title}', style='bold')
        needs = 'SRC: ' if preparation.plan else 'needs no conversion. '
        console.print(Padding(needs + preparation.layout, (0, 0, 0, 2)))
