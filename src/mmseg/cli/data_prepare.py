"""Convert a data set as published into what its class reads."""

from __future__ import annotations

import argparse
import os

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mmengine.utils.errors import ConfigError
from mmseg.datasets.prepare import prepare
from mmseg.datasets.prepare.runner import find


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg data prepare`."""
    parser.add_argument('name', metavar='NAME', help='data set; `mmseg data list` shows all')
    parser.add_argument('src', metavar='SRC', nargs='?', help='folder with the downloaded archives, or what they hold')
    parser.add_argument('dst', metavar='DST', nargs='?', help='folder to write to: the data_root of the config')
    parser.add_argument('-j', '--jobs', type=int, default=os.cpu_count() or 1, help='processes; one a core by default')
    parser.add_argument('--size', type=int, help='edge of tiles in pixels, where images are cut')
    parser.add_argument('--stride', type=int, help='distance between tiles in pixels')
    parser.add_argument(
        '--verify', action='store_true', help='compare what an earlier call has written with its checksums as well'
    )


def run(args: argparse.Namespace) -> None:
    """Convert with a progress bar, and say what is there."""
    console = Console(highlight=False, soft_wrap=True)
    preparation = find(args.name)
    if preparation.plan is None:
        console.print(f'{preparation.title} needs no conversion. {preparation.layout}')
        return
    if args.src is None or args.dst is None:
        raise ConfigError(f'mmseg data prepare {args.name} SRC DST\nSRC holds: {preparation.layout}')
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f'prepare {preparation.name}', total=None)
        outcome = prepare(
            args.name,
            args.src,
            args.dst,
            args.size,
            args.stride,
            args.jobs,
            args.verify,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    done = f', {outcome.skipped} of {outcome.jobs} parts were there' if outcome.skipped else ''
    console.print(f'{preparation.title} is in {args.dst}{done}')
    for folder, number in sorted(outcome.folders.items()):
        console.print(f'  {folder or "."}: {number} files')
    for warning in outcome.warnings:
        console.print(f'[yellow]warning:[/] {warning}')
