"""Read every image and mask that a config names, and check them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.utils.errors import ConfigError
from mmseg.datasets.check import leaf_datasets
from mmseg.datasets.check_all import DataReport, channels_wanted, check_channels, check_dataset, check_shared_images
from mmseg.registry import DATASETS
from mmseg.visualization.class_histogram import draw_histogram

from .show_load import add_config_arguments, load_config

PHASES = ('train', 'val', 'test')
SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg data check`."""
    add_config_arguments(parser)
    parser.add_argument('--phase', nargs='+', choices=PHASES, default=PHASES, help='which data sets; all by default')
    parser.add_argument('-n', '--number', type=int, help='check so many samples a data set instead of all')
    parser.add_argument('-j', '--jobs', type=int, default=os.cpu_count() or 1, help='threads; one a core by default')
    parser.add_argument('--out', metavar='DIR', help='for histograms of the classes; work_dirs/<config>/data_check')
    parser.add_argument('--strict', action='store_true', help='exit with 1 after warnings as well')
    parser.add_argument('--json', action='store_true', help='write the findings as JSON')


def run(args: argparse.Namespace) -> None:
    """Check, print, draw, and exit with 1 if there are problems."""
    cfg = load_config(args)
    datasets = build_datasets(cfg, args.phase)
    reports: list[DataReport] = []
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        for name, dataset in datasets.items():
            lengths = [len(leaf) for leaf in leaf_datasets(dataset)]
            total = sum(length if args.number is None else min(args.number, length) for length in lengths)
            task = bar.add_task(f'check {name}', total=total)
            reports += check_dataset(dataset, name, args.number, args.jobs, partial(bar.advance, task))
    check_channels(reports, channels_wanted(cfg.get('model')))
    shared = check_shared_images(datasets)
    if args.json:
        found = {'datasets': [report.as_dict() for report in reports], 'warnings': shared}
        json.dump(found, sys.stdout, indent=1)
        print()
    else:
        out = Path(args.out or Path('work_dirs') / Path(args.config).stem / 'data_check')
        show(reports, shared, out, Console(highlight=False, soft_wrap=True))
    warned = bool(shared) or any(report.warnings for report in reports)
    if any(report.problems for report in reports) or (args.strict and warned):
        raise SystemExit(1)


def build_datasets(cfg: Config, phases: Sequence[str]) -> dict[str, Any]:
    """The datasets of the phases by name; a phase with the same config as another one is left out.

    Raises:
        ConfigError: there is none.
    """
    init_default_scope(cfg.get('default_scope') or 'mmseg')
    wanted: dict[str, Any] = {}
    for phase in phases:
        loaders = cfg.get(f'{phase}_dataloader')
        for number, loader in enumerate(loaders if isinstance(loaders, list) else [loaders]):
            dataset = loader.get('dataset') if isinstance(loader, dict) else None
            if dataset is not None and dataset not in wanted.values():
                name = loader.get('name', str(number)) if isinstance(loaders, list) else ''
                wanted[f'{phase} {name}'.strip()] = dataset
    if not wanted:
        raise ConfigError(f'the config has no dataset for {", ".join(phases)}')
    return {name: DATASETS.build(dataset) for name, dataset in wanted.items()}


def show(reports: Sequence[DataReport], shared: Sequence[str], out: Path, console: Console) -> None:
    """Print the findings, and draw a histogram for each dataset with classes."""
    for number, report in enumerate(reports):
        channels = ', '.join(f'{channels} channels' for channels in sorted(report.channels))
        console.print(f'[bold]{escape(report.name)}[/]: {report.checked} of {report.total} samples, {channels}')
        for problem in report.problems[:SHOWN]:
            console.print(f'  [bold red]error[/] {escape(problem)}')
        if len(report.problems) > SHOWN:
            console.print(f'  … and {len(report.problems) - SHOWN} more')
        for warning in report.warnings:
            console.print(f'  [yellow]warning[/] {escape(warning)}')
        if not report.problems:
            console.print('  [green]all of them can be read, and their labels are those of the classes[/]')
        if report.classes and report.pixels:
            console.print(f'  ignored pixels: {report.ignored:.1%}; rarest classes: {rarest(report)}')
            out.mkdir(parents=True, exist_ok=True)
            path = out / f'{number}_{report.name.replace(" ", "_")}.png'
            title = f'{report.name}: {report.checked} samples, {report.ignored:.1%} of the pixels ignored'
            picture = draw_histogram(title, report.classes, report.shares, report.palette)
            cv2.imwrite(str(path), picture[..., ::-1])
            console.print(f'  {path}')
    for warning in shared:
        console.print(f'[yellow]warning[/] {escape(warning)}')


def rarest(report: DataReport, number: int = 5) -> str:
    """The classes with the fewest pixels, with their shares."""
    ordered = sorted(zip(report.shares, report.classes, strict=True))[:number]
    return ', '.join(f'{name} {share:.3%}' for share, name in ordered)
