"""Show stage by stage which hooks run, in which order, at which priority and which file asked for them."""

from __future__ import annotations

import argparse

from mmengine.runner.hook_table import table_of_config

from .show_load import add_config_arguments, load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg show hooks`."""
    add_config_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Print the table of the hooks; nothing else is built."""
    print(table_of_config(load_config(args)).describe())
