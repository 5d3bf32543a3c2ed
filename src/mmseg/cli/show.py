"""Show what a config comes to: its values, parameter groups, schedules, hooks."""

from __future__ import annotations

import argparse
import os
import sys
from types import ModuleType

from rich_argparse import RichHelpFormatter

from . import show_config, show_hooks, show_params, show_schedule

# Each topic is a module with `add_arguments(parser)` and `run(args)`; its docstring is the help.
TOPICS: dict[str, ModuleType] = {
    'config': show_config,
    'params': show_params,
    'schedule': show_schedule,
    'hooks': show_hooks,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg show`: those of each topic."""
    topics = parser.add_subparsers(dest='topic', required=True)
    for name, module in TOPICS.items():
        text = (module.__doc__ or '').strip().splitlines()[0]
        sub = topics.add_parser(name, help=text, description=text, formatter_class=RichHelpFormatter)
        module.add_arguments(sub)


def run(args: argparse.Namespace) -> None:
    """Show the topic."""
    try:
        TOPICS[args.topic].run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
