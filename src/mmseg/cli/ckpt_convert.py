"""Convert between one file, a folder of shards and safetensors, or write the weights alone to publish them."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.checkpoint import (
    CheckpointLoader,
    save_checkpoint,
    save_safetensors,
    trust_checkpoints,
    verify_checkpoint,
    weights_to_cpu,
)
from mmengine.checkpoint.sharded import (
    is_sharded_checkpoint,
    load_sharded_checkpoint,
    save_sharded_checkpoint,
)
from mmengine.checkpoint.state_dict import state_dict_of
from mmengine.utils.errors import CheckpointError

# What is of use to those who only use a model, beside its weights.
PUBLISHED_META = ('cfg', 'dataset_meta', 'CLASSES', 'PALETTE', 'experiment_name', 'mmengine_version')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg ckpt convert`."""
    parser.add_argument('source', help='file, folder of shards, .safetensors file, or address')
    parser.add_argument('target', help='NAME.pth, NAME.safetensors, or, without a suffix or with --sharded, a folder')
    parser.add_argument('--sharded', action='store_true', help='write a folder of shards, whatever its name')
    parser.add_argument(
        '--publish', action='store_true', help='weights, config and classes only; adds the hash to the name'
    )
    parser.add_argument('--force', action='store_true', help='replace what is there')
    parser.add_argument('--trust-checkpoint', action='store_true', help='load a checkpoint that carries code')


def run(args: argparse.Namespace) -> None:
    """Read, verify, write, and say what was written."""
    target = Path(args.target)
    sharded = args.sharded or not target.suffix
    if args.publish and sharded:
        raise CheckpointError('--publish writes one file: give a target with the suffix .pth or .safetensors')
    if not args.publish and target.exists() and not args.force:
        raise CheckpointError(f'{target} is there already; give another name, or --force to replace it')
    checkpoint = read(args.source, args.trust_checkpoint)
    final = target
    if args.publish:
        checkpoint = published(checkpoint)
        target = target.with_name(f'.{target.name}.unpublished{target.suffix}')  # its name follows from its contents
    if sharded:
        save_sharded_checkpoint(checkpoint, target)
    elif target.suffix == '.safetensors':
        left_out = sorted(set(checkpoint) - {'meta', 'state_dict'}) if 'state_dict' in checkpoint else []
        save_safetensors(state_dict_of(checkpoint), target, _as_json(checkpoint.get('meta') or {}))
        if left_out:
            print(f'safetensors files hold weights: left out {", ".join(left_out)}; no run can be resumed from it')
    else:
        save_checkpoint(checkpoint, target)
    if args.publish:
        final = _with_hash(target, final, args.force)
    print(f'{args.source} was written to {final}')


def read(path: str, trust: bool = False) -> dict[str, Any]:
    """What a checkpoint of any kind holds, verified, on the CPU.

    Raises:
        CheckpointError: it is absent or broken.
    """
    with trust_checkpoints(trust):
        if is_sharded_checkpoint(path):
            verify_checkpoint(path)
            return load_sharded_checkpoint(path)
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu', logger='silent')
    if not isinstance(checkpoint, Mapping):
        raise CheckpointError(f'{path} is no checkpoint: it holds a {type(checkpoint).__name__}')
    if path.endswith('.safetensors'):
        return {**checkpoint, 'meta': _from_json(checkpoint['meta'])}
    return dict(checkpoint)


def published(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The weights, and of the rest what their users need."""
    meta = checkpoint.get('meta') or {}
    return {
        'meta': {key: meta[key] for key in PUBLISHED_META if key in meta},
        'state_dict': weights_to_cpu(state_dict_of(checkpoint)),
    }


def _with_hash(written: Path, target: Path, force: bool) -> Path:
    with open(written, 'rb') as file:
        digest = hashlib.file_digest(file, 'sha256').hexdigest()[:8]
    target = target.with_name(f'{target.stem}-{digest}{target.suffix}')
    if target.exists() and not force:
        written.unlink()
        raise CheckpointError(f'{target} is there already, with the same contents')
    written.rename(target)
    return target


def _as_json(meta: Mapping[str, Any]) -> dict[str, str]:
    """The entries that JSON can hold, each as JSON."""
    texts = {}
    for key, value in meta.items():
        try:
            texts[str(key)] = json.dumps(value)
        except TypeError:
            print(f'left out meta.{key}, which is a {type(value).__name__}')
    return texts


def _from_json(meta: Mapping[str, str]) -> dict[str, Any]:
    """What `_as_json` wrote; what others wrote stays text."""
    values: dict[str, Any] = {}
    for key, text in meta.items():
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values
