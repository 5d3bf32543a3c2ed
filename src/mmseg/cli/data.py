"""Prepare and check data sets."""

from __future__ import annotations

import argparse
from types import ModuleType

from rich_argparse import RichHelpFormatter

from . import data_check, data_list, data_prepare

# Each topic is a module with `add_arguments(parser)` and `run(args)`; its docstring is the help.
TOPICS: dict[str, ModuleType] = {'list': data_list, 'prepare': data_prepare, 'check': data_check}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg data`: those of each topic."""
    topics = parser.add_subparsers(dest='topic', required=True)
    for name, module in TOPICS.items():
        text = (module.__doc__ or '').strip().splitlines()[0]
        sub = topics.add_parser(name, help=text, description=text, formatter_class=RichHelpFormatter)
        module.add_arguments(sub)


def run(args: argparse.Namespace) -> None:
    """Do what the topic says."""
    TOPICS[args.topic].run(args)
