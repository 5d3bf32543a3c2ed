"""Run the toy training as a process: `python toy_script.py WORK_DIR [--resume] [--launcher pytorch] …`.

Writes `final.pt` (rank 0) when the training ends, and appends a line to `progress.txt` after each iteration.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers.toy import CountingHook, final_state, toy_runner

from mmengine.hooks import Hook


class Progress(Hook):
    """Makes an iteration last long enough to be killed in, and tells how far the run is."""

    priority = 'LOWEST'

    def __init__(self, path: Path, pause: float) -> None:
        self.path, self.pause = path, pause

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        time.sleep(self.pause)
        if runner.rank == 0:
            with self.path.open('a') as file:
                file.write(f'{runner.iter + 1}\n')


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('work_dir', type=Path)
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--by-epoch', action='store_true')
    parser.add_argument('--workers', type=int, default=0)
    parser.add_argument('--launcher', default='none')
    parser.add_argument('--pause', type=float, default=0.0)
    parser.add_argument('--iters', type=int, default=15)
    parser.add_argument('--grace-time', type=float)
    args = parser.parse_args()
    args.work_dir.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    runner = toy_runner(
        args.work_dir,
        by_epoch=args.by_epoch,
        iters=args.iters,
        length=20,
        num_workers=args.workers,
        resume=args.resume,
        launcher=args.launcher,
        env_cfg={'dist_cfg': {'backend': 'gloo'}, 'grace_time': args.grace_time},
        custom_hooks=[CountingHook(), Progress(args.work_dir / 'progress.txt', args.pause)],
    )
    runner.train()
    if int(os.environ.get('RANK', '0')) == 0:
        torch.save(final_state(runner), args.work_dir / 'final.pt')


if __name__ == '__main__':
    main()
