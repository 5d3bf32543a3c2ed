"""Look into checkpoints, verify and convert them."""

from __future__ import annotations

import argparse
from types import ModuleType

from rich_argparse import RichHelpFormatter

from . import ckpt_convert, ckpt_info, ckpt_verify

# Each topic is a module with `add_arguments(parser)` and `run(args)`; its docstring is the help.
TOPICS: dict[str, ModuleType] = {'info': ckpt_info, 'verify': ckpt_verify, 'convert': ckpt_convert}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg ckpt`: those of each topic."""
    topics = parser.add_subparsers(dest='topic', required=True)
    for name, module in TOPICS.items():
        text = (module.__doc__ or '').strip().splitlines()[0]
        sub = topics.add_parser(name, help=text, description=text, formatter_class=RichHelpFormatter)
        module.add_arguments(sub)


def run(args: argparse.Namespace) -> None:
    """Do what the topic says."""
    TOPICS[args.topic].run(args)
