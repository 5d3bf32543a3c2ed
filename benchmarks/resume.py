"""How long does it take until a resumed training computes again, early and late in the run?

    python benchmarks/resume.py [--iters 100000] [--repeats 3]

A tiny model is trained for `iters` iterations by each of the two loops. Then a run is started anew, resumed from a
hundredth of them, and resumed from the last: the seconds from the config to the first batch in the model, checkpoint
included; the best of the repeats counts. The last row is the same run with a loader that cannot seek (a ready
`torch.utils.data.DataLoader`): it loads and drops all batches before. Its samples here are eight numbers; with images
it takes as long as the training's loader needed so far.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from mmengine.dataset import default_collate
from mmengine.model import BaseModel
from mmengine.runner import Runner

SAMPLERS = {'epoch': 'DefaultSampler', 'iteration': 'InfiniteSampler'}
BATCH, LENGTH = 4, 2**12


class Numbers(Dataset):
    def __init__(self) -> None:
        self.x = torch.randn(LENGTH, 8, generator=torch.Generator().manual_seed(0))

    def __len__(self) -> int:
        return LENGTH

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {'inputs': self.x[index]}


class Arrived(Exception):
    """The first batch is in the model."""


class Tiny(BaseModel):
    def __init__(self, arrive: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 1)
        self.arrive = arrive

    def forward(self, inputs: torch.Tensor, mode: str = 'loss') -> dict[str, torch.Tensor]:
        if self.arrive:
            raise Arrived
        return {'loss': self.linear(inputs).square().mean()}


def run(
    kind: str, work_dir: str, iters: int, save_every: int, load_from: str | None = None, arrive: bool = True
) -> None:
    """Train. `kind` is a key of `SAMPLERS`, or 'replayed' for a loader that cannot seek."""
    if kind == 'replayed':
        loader: Any = DataLoader(Numbers(), batch_size=BATCH, shuffle=True, collate_fn=default_collate)
    else:
        loader = {
            'batch_size': BATCH,
            'num_workers': 0,
            'dataset': Numbers(),
            'sampler': {'type': SAMPLERS[kind], 'shuffle': True},
            'collate_fn': {'type': 'default_collate'},
        }
    by_epoch = kind == 'epoch'
    cfg = {'max_epochs': 2 + iters * BATCH // LENGTH} if by_epoch else {'max_iters': iters + 1}
    checkpoint = {'type': 'CheckpointHook', 'interval': save_every, 'by_epoch': False}
    Runner(
        model=Tiny(arrive),
        work_dir=work_dir,
        train_dataloader=loader,
        train_cfg={'by_epoch': by_epoch, **cfg},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.01, 'momentum': 0.9}},
        default_hooks={'checkpoint': checkpoint, 'logger': {'type': 'LoggerHook', 'interval': 1000}},
        visualizer={'type': 'Visualizer', 'vis_backends': []},
        randomness={'seed': 0},
        log_level='ERROR',
        load_from=load_from,
        resume=load_from is not None,
    ).train()


def seconds(kind: str, work_dir: str, at: int, saved: Path, repeats: int) -> float:
    """From the config to the first batch in the model."""
    best = float('inf')
    for _ in range(repeats):
        begin = time.perf_counter()
        try:
            run(kind, work_dir, at + 1, at + 1, str(saved / f'iter_{at}.pth') if at else None)
        except Arrived:
            best = min(best, time.perf_counter() - begin)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--iters', type=int, default=100_000)
    parser.add_argument('--repeats', type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    early, late = args.iters // 100, args.iters // 100 * 100
    print(f'{"loader":<34}{"at 0":>10}{f"at {early}":>14}{f"at {late}":>14}{"last to first":>16}')
    with tempfile.TemporaryDirectory() as folder:
        saved = {kind: Path(folder, kind) for kind in SAMPLERS}
        for kind in (*SAMPLERS, 'replayed'):
            if kind in saved:
                run(kind, str(saved[kind]), late, early, arrive=False)
            of = saved.get(kind, saved['iteration'])
            found = [seconds(kind, folder, at, of, args.repeats if kind in saved else 1) for at in (0, early, late)]
            name = f'{SAMPLERS[kind]}, by {kind}' if kind in SAMPLERS else 'DataLoader, replayed'
            print(f'{name:<34}{found[0]:>8.3f} s{found[1]:>12.3f} s{found[2]:>12.3f} s{found[2] / found[0]:>15.2f}x')


if __name__ == '__main__':
    main()
