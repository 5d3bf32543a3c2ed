"""What the sub-commands share: options of a config, and errors as one message."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.runner import TrainingInterrupted
from mmengine.utils.errors import MMError


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that people have in their fingers for every run of a config."""
    parser.add_argument('--work-dir', help='for logs and checkpoints; work_dirs/<name of the config> by default')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override values of the config, e.g. train_cfg.max_iters=100 train_pipeline.1.reduce_zero_label=True',
    )
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='what started the processes'
    )
    parser.add_argument(
        '--trust-checkpoint', action='store_true', help='load checkpoints that carry code: they can do anything'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def load_config(args: argparse.Namespace) -> Config:
    """The config of the command line: file, then `--cfg-options`, then the arguments of their own."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    if args.trust_checkpoint:
        cfg.trust_checkpoint = True
    return cfg


def exit_code(command: Callable[[], None]) -> int:
    """Run `command`. Errors that a user can mend become their message; all others keep their traceback."""
    try:
        command()
    except TrainingInterrupted as stop:
        print(f'\n{stop}', file=sys.stderr)
        return 128 + stop.signum
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    except MMError as error:
        print(message_of(error), file=sys.stderr)
        return 1
    return 0


def message_of(error: MMError) -> str:
    """Kind, message and notes of an error, each once."""
    notes = list(dict.fromkeys(getattr(error, '__notes__', ())))
    return '\n'.join([f'{type(error).__name__}: {error}', *(f'  {note}' for note in notes)])
