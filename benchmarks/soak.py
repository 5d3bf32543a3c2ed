"""Does memory stay flat over a long training?

    python benchmarks/soak.py [--iters 20000]

A tiny training with the default hooks, validation and checkpoints. Prints the resident memory of the process at every
tenth of the way, and its growth after the first tenth.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from loop_overhead import Numbers, Tiny

from mmengine.dataset import default_collate
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner


class Mean(BaseMetric):
    def process(self, data_batch: object, data_samples: list) -> None:
        self.results += [float(sample) for sample in data_samples]

    def compute_metrics(self, results: list) -> dict:
        return {'mean': sum(results) / len(results)}


class Predicting(Tiny):
    def forward(self, inputs: torch.Tensor, mode: str = 'loss') -> object:
        return list(self.linear(inputs).flatten()) if mode == 'predict' else super().forward(inputs)


def resident() -> float:
    """MiB."""
    return next(
        int(line.split()[1]) / 1024 for line in Path('/proc/self/status').read_text().splitlines() if 'VmRSS' in line
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--iters', type=int, default=20000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    loader = {'batch_size': 4, 'num_workers': 0, 'dataset': Numbers(64), 'collate_fn': default_collate}
    tenth = args.iters // 10
    with tempfile.TemporaryDirectory() as work_dir:
        runner = Runner(
            model=Predicting(),
            work_dir=work_dir,
            train_dataloader={**loader, 'sampler': {'type': 'InfiniteSampler'}},
            val_dataloader={**loader, 'sampler': {'type': 'DefaultSampler', 'shuffle': False}},
            val_evaluator=Mean(),
            val_cfg={},
            train_cfg={'by_epoch': False, 'max_iters': args.iters, 'val_interval': tenth},
            optim_wrapper={'optimizer': {'type': 'AdamW', 'lr': 1e-3}},
            param_scheduler={'type': 'PolyLR', 'by_epoch': False, 'end': args.iters},
            default_hooks={
                'checkpoint': {'type': 'CheckpointHook', 'interval': tenth, 'by_epoch': False, 'max_keep_ckpts': 2},
                'logger': {'type': 'LoggerHook', 'interval': 50},
            },
            log_processor={'by_epoch': False},
            log_level='WARNING',
            visualizer={'type': 'Visualizer', 'vis_backends': [{'type': 'LocalVisBackend'}]},
        )
        marks: list[float] = []

        def mark(runner: Runner) -> None:
            if (runner.iter + 1) % tenth == 0:
                marks.append(resident())
                print(f'iteration {runner.iter + 1:>7}: {marks[-1]:7.1f} MiB', flush=True)

        runner.on('after_train_iter', mark, priority='LOWEST')
        runner.train()
    print(f'growth after the first tenth: {marks[-1] - marks[0]:.1f} MiB')


if __name__ == '__main__':
    main()
