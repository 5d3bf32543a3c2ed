"""How much time does the runner add to an iteration of a bare PyTorch loop?

    python benchmarks/loop_overhead.py [--iters 2000] [--repeats 5]

A tiny model (Linear 8 -> 1 on batches of 4) in a loop of a few lines, and in `Runner` with its six default hooks:
the time per iteration of each, their difference in microseconds and their ratio; the best of the repeats counts, for a
busy machine only ever adds time.

The third row is the runner with its own loader, which seeds the random generators before every sample so that resuming
is exact. With loader workers, as in real trainings, that time passes in the workers.
"""

from __future__ import annotations

import argparse
import tempfile
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from mmengine.dataset import default_collate
from mmengine.model import BaseModel
from mmengine.runner import Runner


class Numbers(Dataset):
    """Long enough for one pass; upstream sleeps two seconds between passes."""

    def __init__(self, length: int = 2**16) -> None:
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(length, 8, generator=generator)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {'inputs': self.x[index]}


class Tiny(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 1)

    def forward(self, inputs: torch.Tensor, mode: str = 'loss') -> dict[str, torch.Tensor]:
        return {'loss': self.linear(inputs).square().mean()}


class Clock:
    """Collates, and takes the time between two batches, which is the same work in every loop.

    Args:
        iters: iterations that are timed, after a tenth of as many to warm up; two more end the run.
    """

    def __init__(self, iters: int) -> None:
        self.iters, self.warmup = iters, iters // 10
        self.total = self.warmup + iters + 2
        self.count, self.start, self.end = 0, 0.0, 0.0

    def __call__(self, samples: list) -> dict[str, torch.Tensor]:
        self.count += 1
        if self.count == self.warmup:
            self.start = time.perf_counter()
        elif self.count == self.warmup + self.iters:
            self.end = time.perf_counter()
        return default_collate(samples)

    @property
    def seconds(self) -> float:
        """Of an iteration."""
        return (self.end - self.start) / self.iters


def bare(iters: int) -> float:
    """Seconds per iteration of the bare loop."""
    clock = Clock(iters)
    model = Tiny().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    loader = DataLoader(Numbers(), batch_size=4, shuffle=True, collate_fn=clock)
    while True:
        for batch in loader:
            loss = model(**batch)['loss']
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            if clock.count == clock.total:
                return clock.seconds


def runner(iters: int, log_interval: int, own_loader: bool) -> float:
    """Seconds per iteration of the runner with default hooks."""
    clock = Clock(iters)
    config = {
        'batch_size': 4,
        'num_workers': 0,
        'dataset': Numbers(),
        'sampler': {'type': 'InfiniteSampler', 'shuffle': True},
        'collate_fn': clock,
    }
    with tempfile.TemporaryDirectory() as work_dir:
        run = Runner(
            model=Tiny(),
            work_dir=work_dir,
            train_dataloader=config
            if own_loader
            else DataLoader(Numbers(), batch_size=4, shuffle=True, collate_fn=clock),
            train_cfg={'by_epoch': False, 'max_iters': clock.total},
            optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 1e-3}},
            param_scheduler={'type': 'PolyLR', 'power': 0.9, 'by_epoch': False, 'end': iters},
            default_hooks={
                'checkpoint': {'type': 'CheckpointHook', 'interval': 10**9, 'by_epoch': False},
                'logger': {'type': 'LoggerHook', 'interval': log_interval},
            },
            log_processor={'by_epoch': False},
            log_level='WARNING',
            visualizer={'type': 'Visualizer', 'vis_backends': []},
        )
        run.train()
    return clock.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--iters', type=int, default=2000)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--log-interval', type=int, default=50)
    args = parser.parse_args()
    torch.set_num_threads(1)
    plain, ours, keyed = float('inf'), float('inf'), float('inf')
    for _ in range(args.repeats):
        plain = min(plain, bare(args.iters) * 1e6)
        ours = min(ours, runner(args.iters, args.log_interval, own_loader=False) * 1e6)
        keyed = min(keyed, runner(args.iters, args.log_interval, own_loader=True) * 1e6)
    print(f'bare loop               {plain:8.1f} us per iteration')
    for name, time_of in (('runner', ours), ('runner, its own loader', keyed)):
        print(
            f'{name:<23} {time_of:8.1f} us per iteration, added {time_of - plain:6.1f} us, ratio {time_of / plain:.2f}'
        )


if __name__ == '__main__':
    main()
