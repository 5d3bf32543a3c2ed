"""A tiny training with everything that makes resuming hard: shuffling, augmentation from three generators, dropout,
batch norm, momentum, schedules, a stateful hook."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner


class ToyDataset(Dataset):
    """Samples `(x (4,), index)`; x is augmented by draws from `random`, `numpy.random` and torch."""

    METAINFO = {'classes': ('a', 'b')}

    def __init__(self, length: int = 10, augment: bool = True) -> None:
        self.base = torch.arange(length * 4, dtype=torch.float32).reshape(length, 4) / (length * 4)
        self.augment = augment
        self.metainfo = dict(self.METAINFO)

    def __len__(self) -> int:
        return len(self.base)

    def __getitem__(self, index: int) -> dict[str, Any]:
        x = self.base[index].clone()
        if self.augment:
            x += random.random() + float(np.random.rand()) + torch.rand(4)
        return {'inputs': x, 'data_samples': torch.tensor(index)}


class ToyModel(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1))
        self.seen: list[tuple[list[int], float]] = []

    def init_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        x = torch.stack(list(inputs)) if isinstance(inputs, (list, tuple)) else inputs
        out = self.net(x)
        if mode == 'loss':
            indices = data_samples if isinstance(data_samples, torch.Tensor) else torch.stack(list(data_samples))
            self.seen.append((indices.tolist(), float(x.double().sum())))
            return {'loss': (out - x.sum(1, keepdim=True)).square().mean()}
        return [out]


class ToyMetric(BaseMetric):
    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results += [float(v) for out in data_samples for v in out.flatten()]

    def compute_metrics(self, results: list) -> dict[str, float]:
        return {'mean': sum(results) / len(results)}


class CountingHook(Hook):
    """Carries state: the sum of all losses."""

    def __init__(self) -> None:
        self.total = 0.0

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.total += float(outputs['loss'])

    def state_dict(self) -> dict:
        return {'total': self.total}

    def load_state_dict(self, state: dict) -> None:
        self.total = state['total']


def toy_runner(
    work_dir: Path | str, *, by_epoch: bool = False, length: int = 10, iters: int = 12, **overrides: Any
) -> Runner:
    """Batch 2: an epoch-based run has `iters / 5` epochs of 5 iterations. Checkpoints after every iteration."""
    workers = overrides.pop('num_workers', 0)
    optim_wrapper = overrides.pop('optim_wrapper', {'optimizer': {'type': 'SGD', 'lr': 0.01, 'momentum': 0.9}})
    options: dict[str, Any] = {
        'model': ToyModel(),
        'work_dir': str(work_dir),
        'train_dataloader': {
            'batch_size': 2,
            'num_workers': workers,
            'persistent_workers': workers > 0,
            'dataset': ToyDataset(length),
            'sampler': {'type': 'DefaultSampler' if by_epoch else 'InfiniteSampler', 'shuffle': True},
        },
        'val_dataloader': {
            'batch_size': 3,
            'num_workers': 0,
            'dataset': ToyDataset(4),
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        },
        'val_evaluator': ToyMetric(),
        'val_cfg': {},
        'train_cfg': {'by_epoch': True, 'max_epochs': -(-iters // 5), 'val_interval': 1}
        if by_epoch
        else {'by_epoch': False, 'max_iters': iters, 'val_interval': 4},
        'optim_wrapper': optim_wrapper,
        'param_scheduler': [
            {'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'begin': 0, 'end': 4},
            {
                'type': 'PolyLR',
                'power': 0.9,
                'by_epoch': by_epoch,
                'begin': 1 if by_epoch else 4,
                'end': 4 if by_epoch else max(iters, 5),
            },
        ],
        'default_hooks': {
            'logger': {'type': 'LoggerHook', 'interval': 3},
            'checkpoint': {'type': 'CheckpointHook', 'interval': 1, 'by_epoch': False},
        },
        'custom_hooks': [CountingHook()],
        'log_processor': {'by_epoch': by_epoch, 'window_size': 4},
        'visualizer': {'type': 'Visualizer', 'vis_backends': []},
        'randomness': {'seed': 7},
        'log_level': 'WARNING',
    }
    options.update(overrides)
    return Runner(**options)


def final_state(runner: Runner) -> dict[str, Any]:
    """Everything that must be equal after resuming."""
    hub = runner.message_hub
    return {
        'model': {k: v.clone() for k, v in runner.model.state_dict().items()},
        'optimizer': runner.optim_wrapper.state_dict(),
        'iter': runner.iter,
        'epoch': runner.epoch,
        'hooks': [h.total for h in runner.hooks if isinstance(h, CountingHook)],
        'loss': hub.get_scalar('train/loss').data[0].tolist(),
        'val': hub.get_scalar('val/mean').data[0].tolist() if 'val/mean' in hub.log_scalars else None,
    }


def assert_same(a: Any, b: Any, path: str = '') -> None:
    """Equal to the last bit, tensors and nested containers included; NaN equals NaN."""
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), f'{path}: {a} != {b}'
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), f'{path}: {a.keys()} != {b.keys()}'
        for key in a:
            assert_same(a[key], b[key], f'{path}.{key}')
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), f'{path}: {a} != {b}'
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f'{path}.{i}')
    else:
        assert a == b or (a != a and b != b), f'{path}: {a!r} != {b!r}'
