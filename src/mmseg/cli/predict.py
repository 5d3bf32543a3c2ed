"""Segment images with a trained model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
from rich.progress import track

from mmengine.checkpoint import trust_checkpoints
from mmengine.utils.errors import ConfigError, DataError
from mmseg.apis import RSInferencer, inference_model, init_model, show_result_pyplot

SUFFIXES = {'.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg predict`."""
    parser.add_argument('images', nargs='+', metavar='IMAGE', help='image files or folders of them')
    parser.add_argument('--config', required=True, help='config file')
    parser.add_argument('--checkpoint', required=True, help='checkpoint file')
    parser.add_argument('--out-dir', required=True, help='folder for <name>.png (class ids) and <name>_overlay.jpg')
    parser.add_argument(
        '--window',
        nargs='+',
        type=int,
        metavar='N',
        help='H W, or one number for both: segment window by window, for rasters larger than memory; writes '
        '<name>_label.tif alone, with the georeference of the raster',
    )
    parser.add_argument('--stride', nargs='+', type=int, metavar='N', help='of the windows; 3/4 of them by default')
    parser.add_argument(
        '--overlap', choices=['crop', 'blend'], default='crop', help='of two windows, the nearer, or their mean'
    )
    parser.add_argument('--batch-size', type=int, default=1, help='windows that go through the model together')
    parser.add_argument(
        '--trust-checkpoint', action='store_true', help='load a checkpoint that carries code: it can do anything'
    )
    parser.add_argument('--device', default=None, help='e.g. cuda:0 or cpu; the accelerator if there is one')


def run(args: argparse.Namespace) -> None:
    """Write a mask and an overlay for each image."""
    images = list(find_images(args.images))
    with trust_checkpoints(args.trust_checkpoint):
        model = init_model(args.config, args.checkpoint, device=args.device)
    out = Path(args.out_dir)
    out.mkdir(parents=True, exist_ok=True)
    if args.window is not None:
        window = _width_height(args.window)
        stride = _width_height(args.stride or [max(side * 3 // 4, 1) for side in args.window])
        inferencer = RSInferencer(model, args.batch_size, thread=2, overlap=args.overlap, show_progress=True)
        for image in images:
            print(inferencer.run(image, window, stride, out / f'{image.stem}_label.tif'))
        return
    for image in track(images, description='predict'):
        result: Any = inference_model(model, str(image))
        mask = result.pred_sem_seg.data[0].cpu().numpy().astype('uint8')
        cv2.imwrite(str(out / f'{image.stem}.png'), mask)
        show_result_pyplot(model, str(image), result, show=False, out_file=str(out / f'{image.stem}_overlay.jpg'))
    print(f'{len(images)} predictions are in {out}')


def _width_height(sides: list[int]) -> tuple[int, int]:
    if len(sides) > 2:
        raise ConfigError(f'a window has a height and a width, but {sides} was given')
    return sides[-1], sides[0]


def find_images(names: list[str]) -> list[Path]:
    """The image files among `names`, folders opened.

    Raises:
        DataError: a name that is no file, or a folder without images.
    """
    found: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
            if not inside:
                raise DataError(f'the folder {path} holds no images ({", ".join(sorted(SUFFIXES))})')
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise DataError(f'no such image: {path}')
    return found
