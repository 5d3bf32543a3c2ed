"""Write a model as a file that runs without this package: ONNX, or a program of torch.export."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmengine.checkpoint import trust_checkpoints
from mmseg.apis import export_model, init_model
from mmseg.apis.export import SUFFIXES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg export`."""
    parser.add_argument('config', help='config file, or the name of one that comes with this package')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('-o', '--out', metavar='FILE', help='<name of the config>.onnx or .pt2 here by default')
    parser.add_argument('--format', choices=list(SUFFIXES), help='by the suffix of FILE by default, or else onnx')
    parser.add_argument(
        '--shape', nargs='+', type=int, default=[512, 512], metavar='N', help='H W, or N C H W; 512 512 by default'
    )
    parser.add_argument('--pixels', action='store_true', help='normalise in the file: it takes images as loaded')
    parser.add_argument('--labels', action='store_true', help='labels (N, H, W) instead of logits (N, classes, H, W)')
    parser.add_argument('--dynamic', action='store_true', help='let the number of images vary')
    parser.add_argument('--trust-checkpoint', action='store_true', help='load a checkpoint that carries code')


def run(args: argparse.Namespace) -> None:
    """Write the file, and say what it takes and gives."""
    suffix = Path(args.out).suffix if args.out else ''
    formats = {value: key for key, value in SUFFIXES.items()}
    format = args.format or formats.get(suffix, 'onnx')
    with trust_checkpoints(args.trust_checkpoint):
        model = init_model(args.config, args.checkpoint, device='cpu')
    shape = tuple(args.shape)
    if len(shape) == 2:
        shape = (1, getattr(model.backbone, 'in_channels', 3), *shape)
    file = args.out or f'{Path(args.config).stem}{SUFFIXES[format]}'
    done = export_model(model, file, format, shape, args.pixels, args.labels, args.dynamic)
    what = 'of the labels differ from' if args.labels else 'of the largest logit is the largest difference to'
    print(f'{done.file} takes images {shape}; {done.difference:.1e} {what} those of the model')
