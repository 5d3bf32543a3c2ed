"""Look for mistakes in configs, without data and before anything runs."""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from rich.console import Console
from rich.text import Text

from mmengine.config import Config, DictAction
from mmengine.config.check_report import to_json, to_sarif
from mmengine.config.checking import (
    ERROR,
    LOADING_RULES,
    NOTE,
    SEVERITIES,
    WARNING,
    Finding,
    check,
    load_rules,
    nearest,
)
from mmengine.config.loading import SUFFIXES
from mmengine.utils.errors import ConfigError

COLOURS = {ERROR: 'bold red', WARNING: 'yellow', NOTE: 'cyan'}
NOT_FOR_TRAINING = ('tta_model', 'test_dataloader', 'test_cfg', 'test_evaluator')  # built by other commands
IN_ONE_PROCESS = 8  # so many configs take less time than it takes to start another process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg check`."""
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='config files, or folders of them without _base_')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='override values of each config'
    )
    parser.add_argument('--ignore', nargs='+', default=[], metavar='RULE', help='rules to leave out')
    parser.add_argument('--strict', action='store_true', help='exit with 1 after warnings as well')
    parser.add_argument(
        '--static', action='store_true', help='execute nothing of the configs; says what was not evaluated for that'
    )
    parser.add_argument('-j', '--jobs', type=int, default=os.cpu_count() or 1, help='processes; one a core by default')
    form = parser.add_mutually_exclusive_group()
    form.add_argument('--json', action='store_true', help='write the findings as JSON')
    form.add_argument('--sarif', action='store_true', help='write the findings as SARIF 2.1.0')


def run(args: argparse.Namespace) -> None:
    """Check, print, and exit with 1 if there are errors."""
    known = {*load_rules(), *LOADING_RULES}
    for name in args.ignore:
        if name not in known:
            raise ConfigError(f'--ignore: there is no rule {name!r}; {nearest(name, known)}')
    found = check_all(find_configs(args.configs), args.cfg_options, args.ignore, args.jobs, args.static)
    if args.json:
        print(to_json(found))
    elif args.sarif:
        print(to_sarif(found, version('mmnext')))
    else:
        show(found, Console(highlight=False, soft_wrap=True))
    findings = [f for each in found.values() for f in each]
    if any(f.severity == ERROR or (args.strict and f.severity == WARNING) for f in findings):
        raise SystemExit(1)


def find_configs(names: Sequence[str]) -> list[str]:
    """The files among `names`, folders opened."""
    found: list[str] = []
    for name in names:
        if Path(name).is_dir():
            inside = (p for p in sorted(Path(name).rglob('*')) if p.suffix in SUFFIXES)
            found += [str(p) for p in inside if '_base_' not in p.parts and p.name != 'metafile.yaml']
        else:
            found.append(name)
    return found


def check_all(
    configs: Sequence[str],
    options: dict | None = None,
    ignore: Sequence[str] = (),
    jobs: int = 1,
    static: bool = False,
) -> dict[str, list[Finding]]:
    """The findings of each config, in several processes if there are many."""
    one = partial(_check_one, options=options, ignore=ignore, static=static)
    if jobs == 1 or len(configs) <= IN_ONE_PROCESS:
        return dict(zip(configs, map(one, configs), strict=True))
    # Spawned: torch runs threads, which a fork would not take along.
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(min(jobs, len(configs)), context, torch.set_num_threads, (1,)) as pool:
        return dict(zip(configs, pool.map(one, configs, chunksize=4), strict=True))


def _check_one(config: str, options: dict | None, ignore: Sequence[str], static: bool) -> list[Finding]:
    with contextlib.redirect_stdout(sys.stderr):  # what constructors print is no part of the result
        return check(config, ignore=ignore, options=options, static=static)


def show(found: Mapping[str, Sequence[Finding]], console: Console) -> None:
    """Print findings for people; one of a shared base stands once, with the number of configs that have it."""
    configs: dict[Finding, list[str]] = {}
    for config, findings in found.items():
        for finding in findings:
            configs.setdefault(finding, []).append(config)
    for finding, which in sorted(configs.items(), key=lambda item: SEVERITIES.index(item[0].severity)):
        first, *rest = str(finding).splitlines()
        head, _, address = first.partition(' ')
        console.print(Text.assemble((head, COLOURS[finding.severity]), ' ', (address, 'bold')))
        for line in rest:
            console.print(Text(line, style='green' if line.startswith('  hint: ') else ''))
        if len(which) > 1 or (finding.file and Path(finding.file) != Path(which[0]).absolute()):
            more = f' and {len(which) - 1} more' if len(which) > 1 else ''
            console.print(Text(f'  in {which[0]}{more}', style='dim'))
    errors, warnings, notes = (sum(f.severity == each for f in configs) for each in SEVERITIES)
    number = f'{len(found)} config' + ('s' if len(found) != 1 else '')
    if configs:
        more = f', {_count(notes, "place")} not evaluated' if notes else ''
        console.print(f'{number}: {_count(errors, "error")}, {_count(warnings, "warning")}{more}')
    else:
        console.print(Text(f'{number}: nothing found', style='green'))


def _count(number: int, word: str) -> str:
    return f'{number} {word}' + ('' if number == 1 else 's')


def stop_at_errors(cfg: Config) -> None:
    """Check the config of a run that is about to start; print warnings.

    Raises:
        ConfigError: there are errors.
    """
    findings = [_as_warning(f) if f.key.startswith(NOT_FOR_TRAINING) else f for f in check(cfg, slow=False)]
    errors = [f for f in findings if f.severity == ERROR]
    warnings = [f for f in findings if f.severity != ERROR]
    if warnings and os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0')) == '0':
        show({cfg.filename or '': warnings}, Console(stderr=True, highlight=False, soft_wrap=True))
    if errors:
        texts = '\n'.join(map(str, errors))
        raise ConfigError(f'{_count(len(errors), "mistake")} in {cfg.filename}; --no-check runs it anyway\n{texts}')


def _as_warning(finding: Finding) -> Finding:
    return replace(finding, severity=WARNING)
