"""How near is a training step of SegFormer-B0 by the runner to a bare PyTorch loop over the same model?

    python benchmarks/train_step.py [--iters 12] [--size 256]

Both compute the same: forward, cross entropy, backward and AdamW on batches of 2. The ratio is that of images a
second; best of the repeats, taken in turns.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

import mmseg.models  # noqa: F401 - registers
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample


class Samples(Dataset):
    def __init__(self, size: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.image = torch.randint(0, 255, (3, size, size), generator=generator, dtype=torch.uint8)
        self.sample = SegDataSample(metainfo={'img_shape': (size, size), 'ori_shape': (size, size)})
        self.sample.gt_sem_seg = PixelData(data=torch.randint(0, 19, (1, size, size), generator=generator))

    def __len__(self) -> int:
        return 2**16

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {'inputs': self.image, 'data_samples': self.sample}


class Clock:
    """Collates, and takes the time between batches; the median counts."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, samples: list) -> dict[str, list]:
        self.times.append(time.perf_counter())
        return {key: [sample[key] for sample in samples] for key in samples[0]}

    @property
    def seconds(self) -> float:
        steps = [b - a for a, b in zip(self.times[2:], self.times[3:], strict=False)]
        return sorted(steps)[len(steps) // 2]


def model_of() -> Any:
    init_default_scope('mmseg')
    torch.manual_seed(0)
    return MODELS.build(Config({'model': MODEL}).model)


MODEL: dict[str, Any] = {
    'type': 'EncoderDecoder',
    'data_preprocessor': {'type': 'SegDataPreProcessor', 'mean': [0.0] * 3, 'std': [255.0] * 3},
    'backbone': {
        'type': 'MixVisionTransformer',
        'embed_dims': 32,
        'num_layers': [2, 2, 2, 2],
        'num_heads': [1, 2, 5, 8],
    },
    'decode_head': {
        'type': 'SegformerHead',
        'in_channels': [32, 64, 160, 256],
        'in_index': [0, 1, 2, 3],
        'channels': 256,
        'num_classes': 19,
        'align_corners': False,
    },
}


def bare(iters: int, size: int) -> float:
    clock, model = Clock(), model_of().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-5)
    for done, data in enumerate(DataLoader(Samples(size), batch_size=2, collate_fn=clock)):
        if done == iters:
            return clock.seconds
        data = model.data_preprocessor(data, True)
        losses = model.loss(data['inputs'], data['data_samples'])
        loss = sum(value for name, value in losses.items() if 'loss' in name)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    raise AssertionError


def runner(iters: int, size: int) -> float:
    clock = Clock()
    with tempfile.TemporaryDirectory() as work_dir:
        Runner(
            model=model_of(),
            work_dir=work_dir,
            train_dataloader=DataLoader(Samples(size), batch_size=2, collate_fn=clock),
            train_cfg={'by_epoch': False, 'max_iters': iters},
            optim_wrapper={'optimizer': {'type': 'AdamW', 'lr': 6e-5}},
            param_scheduler={'type': 'PolyLR', 'by_epoch': False, 'end': iters},
            default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 10**9, 'by_epoch': False}},
            log_level='WARNING',
            visualizer={'type': 'Visualizer', 'vis_backends': []},
        ).train()
    return clock.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--iters', type=int, default=12)
    parser.add_argument('--size', type=int, default=256)
    parser.add_argument('--repeats', type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    plain = ours = float('inf')
    for _ in range(args.repeats):
        plain = min(plain, bare(args.iters, args.size))
        ours = min(ours, runner(args.iters, args.size))
    print(f'bare loop {2 / plain:.2f} images a second, runner {2 / ours:.2f}, ratio {plain / ours:.3f}')


if __name__ == '__main__':
    main()
