"""Draw samples of the data as the pipeline makes them, stage by stage."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import cv2
from rich.progress import track

from mmseg.datasets.check import leaf_datasets, spread
from mmseg.datasets.trace import trace
from mmseg.visualization.contact_sheet import contact_sheet

from .data_check import PHASES, build_datasets
from .show_load import add_config_arguments, load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg browse`."""
    add_config_arguments(parser)
    parser.add_argument('--out', metavar='DIR', help='for the pictures; work_dirs/<config>/browse by default')
    parser.add_argument('-n', '--number', type=int, default=6, help='samples of each data set, evenly spread')
    parser.add_argument(
        '--phase', nargs='+', choices=PHASES, default=('train',), help='which data sets; train by default'
    )
    parser.add_argument('--index', nargs='+', type=int, help='these samples instead')
    parser.add_argument('--epoch', type=int, default=0, help='with the random numbers of this epoch')
    parser.add_argument('--seed', type=int, help='that of the config by default')


def run(args: argparse.Namespace) -> None:
    """Write a picture for each dataset."""
    cfg = load_config(args)
    out = Path(args.out or Path('work_dirs') / Path(args.config).stem / 'browse')
    seed = args.seed if args.seed is not None else (cfg.get('randomness') or {}).get('seed') or 0
    for name, dataset in build_datasets(cfg, args.phase).items():
        indices = args.index or spread(len(dataset), args.number)
        path = out / f'{name.replace(" ", "_")}.png'
        out.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), draw(dataset, name, indices, seed, args.epoch)[..., ::-1])
        print(path)


def draw(dataset: Any, name: str, indices: list[int], seed: int, epoch: int) -> Any:
    """The contact sheet, RGB."""
    leaf = leaf_datasets(dataset)[0]
    rows = [trace(dataset, index, seed, epoch) for index in track(indices, description=f'browse {name}')]
    names = [f'{index}: {_path_of(dataset, index)}' for index in indices]
    meta = leaf.metainfo
    return contact_sheet(
        rows,
        names,
        meta.get('classes') or (),
        meta.get('palette') or (),
        getattr(leaf, 'ignore_index', 255),
    )


def _path_of(dataset: Any, index: int) -> str:
    return os.path.basename(str(dataset.get_data_info(index).get('img_path', '')))
