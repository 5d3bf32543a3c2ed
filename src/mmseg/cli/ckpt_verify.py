"""Read checkpoints to their end and compare their checksums."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from mmengine.checkpoint import verify_checkpoint
from mmengine.checkpoint.sharded import is_sharded_checkpoint
from mmengine.utils.errors import CheckpointError

_NAME = re.compile(r'.*\.(pth|pt|safetensors)')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg ckpt verify`."""
    parser.add_argument('paths', nargs='+', help='files, folders of shards, or folders with checkpoints')


def run(args: argparse.Namespace) -> None:
    """Print a line a checkpoint, and exit with 1 if one is broken."""
    broken = 0
    for path in [found for given in args.paths for found in checkpoints_below(Path(given))]:
        try:
            verify_checkpoint(path)
            print(f'whole   {path}')
        except CheckpointError as error:
            broken += 1
            print(f'BROKEN  {error}')
    if broken:
        raise SystemExit(1)


def checkpoints_below(path: Path) -> list[Path]:
    """The checkpoint at a path, or those in a folder.

    Raises:
        CheckpointError: there is none.
    """
    if not path.is_dir() or is_sharded_checkpoint(path) or path.suffix == '.pth':
        return [path]
    found = sorted(each for each in path.iterdir() if _NAME.fullmatch(each.name))
    if not found:
        raise CheckpointError(f'{path} holds no checkpoint (.pth, .pt, .safetensors)')
    return found
