"""Say what a checkpoint holds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmengine.checkpoint.state_dict import state_dict_of

from .ckpt_convert import read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg ckpt info`."""
    parser.add_argument('path', help='file, folder of shards, or address')
    parser.add_argument('--keys', action='store_true', help='list the names, shapes and types of all weights')
    parser.add_argument('--json', action='store_true', help='write it as JSON')
    parser.add_argument('--trust-checkpoint', action='store_true', help='load a checkpoint that carries code')


def run(args: argparse.Namespace) -> None:
    """Print it."""
    checkpoint = read(args.path, args.trust_checkpoint)
    found = describe(checkpoint)
    weights = {k: v for k, v in state_dict_of(checkpoint).items() if isinstance(v, Tensor)}
    if args.keys:
        found['keys'] = {k: f'{tuple(v.shape)} {str(v.dtype).removeprefix("torch.")}' for k, v in weights.items()}
    if args.json:
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        if isinstance(value, dict):
            print(f'{name}:')
            print(*(f'  {key}: {each}' for key, each in value.items()), sep='\n')
        else:
            print(f'{name}: {value}')


def describe(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader wants to know first: progress, origin, classes, sizes."""
    meta = checkpoint.get('meta') or {}
    found: dict[str, Any] = {}
    for key in ('experiment_name', 'time', 'epoch', 'iter', 'seed', 'mmengine_version'):
        if meta.get(key) is not None:
            found[key] = meta[key] if isinstance(meta[key], int | str) else str(meta[key])
    dataset = meta.get('dataset_meta')
    classes = dataset.get('classes') if isinstance(dataset, Mapping) else meta.get('CLASSES')
    if classes:
        found['classes'] = f'{len(classes)}: {", ".join(map(str, classes))}'
    found['parts'] = {key: _size(value) for key, value in checkpoint.items() if key != 'meta'}
    weights = [v for v in state_dict_of(checkpoint).values() if isinstance(v, Tensor)]
    found['weights'] = f'{sum(v.numel() for v in weights):,} in {len(weights)} tensors'
    kinds = {str(v.dtype).removeprefix('torch.') for v in weights}
    found['types'] = ', '.join(sorted(kinds))
    bad = [k for k, v in state_dict_of(checkpoint).items() if isinstance(v, Tensor) and not _finite(v)]
    if bad:
        found['not finite'] = ', '.join(bad[:5]) + (f' and {len(bad) - 5} more' if len(bad) > 5 else '')
    return found


def _finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _size(value: Any) -> str:
    size = sum(t.nbytes for t in _tensors(value))
    return f'{size / 2**20:,.1f} MiB' if size else f'{type(value).__name__}'


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [t for each in value for t in _tensors(each)] if isinstance(value, list | tuple) else []
