"""The `mmseg` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich_argparse import RichHelpFormatter

from mmseg.version import __version__

from . import browse, check, ckpt, data, export, predict, show, test, train
from .run import exit_code

COMMANDS = {
    'data': data,
    'browse': browse,
    'show': show,
    'check': check,
    'train': train,
    'test': test,
    'predict': predict,
    'export': export,
    'ckpt': ckpt,
}


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command; each sub-command adds its own arguments."""
    top = argparse.ArgumentParser(
        prog='mmseg', description='Train, test and use segmentation models.', formatter_class=RichHelpFormatter
    )
    top.add_argument('--version', action='version', version=f'mmnext, interface of mmseg {__version__}')
    commands = top.add_subparsers(dest='command', required=True)
    for name, module in COMMANDS.items():
        text = (module.__doc__ or '').strip().splitlines()[0]
        sub = commands.add_parser(name, help=text, description=text, formatter_class=RichHelpFormatter)
        module.add_arguments(sub)
    return top


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point: exits with 0, with 1 after an error of the user, with 128 + signal after an interrupt."""
    args = parser().parse_args(argv)
    sys.exit(exit_code(lambda: COMMANDS[args.command].run(args)))
