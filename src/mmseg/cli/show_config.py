"""Show the values of a config, and with --origin where each comes from and what it overrode."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from mmengine.config import Config, Origin, origin_of
from mmengine.config.config_dict import to_plain
from mmengine.config.pretty import format_config
from mmengine.config.static import Stop, load_static
from mmengine.utils.errors import ConfigError

from .show_load import add_config_arguments, load_config

COLOURS = ('cyan', 'green', 'magenta', 'yellow', 'blue', 'bright_red', 'bright_cyan', 'bright_green', 'bright_magenta')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg show config`."""
    add_config_arguments(parser)
    parser.add_argument('key', metavar='KEY', nargs='?', default='', help='only this part, e.g. model.decode_head')
    parser.add_argument('--origin', action='store_true', help='file and line of each value, and what it overrode')
    parser.add_argument(
        '--static',
        action='store_true',
        help='execute nothing: read literals and dict(...) alone, and say what would have to be run',
    )


def run(args: argparse.Namespace) -> None:
    """Print the config, or the part of it."""
    stops: list[Stop] = []
    if args.static:
        values, stops = load_static(args.config)
        cfg = Config(values, filename=args.config)
        cfg.merge_from_dict(args.cfg_options or {})
    else:
        cfg = load_config(args)
    value = part_of(cfg, args.key)
    console = Console(highlight=False, soft_wrap=True)
    if args.origin:
        show_origins(value, args.key, cfg.origin(args.key) if args.key else None, console)
    elif args.key:
        name = args.key.rpartition('.')[2]
        name = name if name.isidentifier() else 'value'
        console.print(format_config({name: to_plain(value)}).rstrip('\n'), markup=False)
    else:
        console.print(cfg.pretty_text.rstrip('\n'), markup=False)
    for file, line, what in stops:
        print(f'not evaluated: {Origin(file, line)}: {what}', file=sys.stderr)


def part_of(cfg: Config, key: str) -> Any:
    """The value at a dotted key.

    Raises:
        ConfigError: there is none.
    """
    node: Any = cfg._cfg_dict
    parts = key.split('.') if key else []
    while parts:
        # Keys may hold dots themselves: the longest one counts.
        length = next(
            (n for n in range(len(parts), 1, -1) if isinstance(node, dict) and '.'.join(parts[:n]) in node), 1
        )
        part, parts = '.'.join(parts[:length]), parts[length:]
        try:
            # What the config imports lazily is shown, not imported.
            node = node[int(part)] if isinstance(node, (list, tuple)) else dict.__getitem__(node, part)
        except (LookupError, TypeError, ValueError) as error:
            why = error.args[0] if isinstance(error, KeyError) else f'{part!r} is no part of {node!r:.60}'
            raise ConfigError(f'the config has no {key!r}: {why}') from error
    return node


def leaves(value: Any, path: str, origin: Origin | None) -> Iterator[tuple[str, Any, Origin | None]]:
    """Dotted key, value and origin of all that is no dict, nor a list with dicts in it."""
    if isinstance(value, dict) and value:
        for key, item in dict.items(value):
            yield from leaves(item, f'{path}.{key}' if path else str(key), origin_of(value, key) or origin)
    elif isinstance(value, (list, tuple)) and any(isinstance(v, (dict, list, tuple)) for v in value):
        for number, item in enumerate(value):
            yield from leaves(item, f'{path}.{number}', origin)
    else:
        yield path, value, origin


def chain(origin: Origin | None) -> Iterator[Origin]:
    """The origin, then those of what it overrode, newest first."""
    while origin is not None:
        yield origin
        origin = origin.overrides


def show_origins(value: Any, path: str, origin: Origin | None, console: Console) -> None:
    """One line a value: `key = value  # file:line, overrides file:line`; each file has a colour."""
    rows = list(leaves(value, path, origin))
    files = dict.fromkeys(each.file for _, _, o in rows for each in chain(o))
    colours = {file: COLOURS[number % len(COLOURS)] for number, file in enumerate(files)}
    texts = [f'{key} = {item!r}' for key, item, _ in rows]
    width = min(max(map(len, texts), default=0), 72)
    for text, (_, _, at) in zip(texts, rows, strict=True):
        line = Text(text.ljust(width), style=colours[at.file] if at else '')
        for number, each in enumerate(chain(at)):
            line.append(', overrides ' if number else '  # ', style='dim')
            line.append(str(each), style=colours[each.file])
        console.print(line)
