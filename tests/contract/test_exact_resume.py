"""A training that is resumed at any iteration goes on as if nothing had happened, to the last bit, whatever it is of.

The options of a training are a table of factors. A covering array of strength 2 is run by default: every pair of values
of two factors is in some row. Each row trains once, with a checkpoint after every iteration, then resumes from each of
them in a folder of its own and compares all that is left behind.
"""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.toy import CountingHook, ToyMetric, assert_same
from torch import nn
from torch.utils.data import Dataset

from mmengine.dataset import sample_generator
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from mmengine.runner import Runner

ITERS = 7  # of epochs of 4 batches: both an end of an epoch and the middle of one are inside
LENGTH, BATCH = 11, 3

FACTORS: dict[str, list[Any]] = {
    'loop': ['epoch', 'iter'],
    'updates': ['each batch', 'accumulate 3', 'step_unit 2'],
    'precision': ['float32', 'bfloat16', 'float16'],  # float16 with a loss scaler whose scale moves
    'average': [None, 'ExponentialMovingAverage', 'buffers', 'later', 'StochasticWeightAverage'],
    'optimizer': ['SGD', 'AdamW', 'two'],
    'schedule': ['iter', 'epoch', 'converted', 'plateau'],
    'workers': [(0, 0), (2, 2), (0, 2), (2, 0)],
    'loading': ['plain', 'persistent', 'prefetch'],
    'sampler': ['DefaultSampler', 'InfiniteSampler', 'foreign'],
    'validation': [None, 'often', 'once'],
    'clip': [None, {'max_norm': 0.5}],
}


def possible(row: dict[str, Any]) -> bool:
    return not (
        # Several optimizers decide themselves what an update is.
        (row.get('optimizer') == 'two' and row.get('updates') == 'step_unit 2')
        or (row.get('sampler') == 'InfiniteSampler' and row.get('loop') == 'epoch')
        or (
            row.get('schedule') == 'converted'
            and (row.get('loop') == 'iter' or row.get('sampler') == 'InfiniteSampler')
        )
        or (row.get('schedule') == 'plateau' and row.get('validation', 'often') is None)
    )


def covering(strength: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows such that each possible combination of values of `strength` factors is in one of them; greedy."""
    draw = random.Random(seed)
    names = list(FACTORS)
    wanted = {
        combination
        for chosen in itertools.combinations(names, strength)
        for indices in itertools.product(*(range(len(FACTORS[n])) for n in chosen))
        if possible(values(combination := tuple(zip(chosen, indices, strict=True))))
    }
    rows = []
    while wanted:
        best: tuple[int, dict[str, int]] = (-1, {})
        start = min(wanted)
        for _ in range(60):
            row = dict(start)
            for name in draw.sample(names, len(names)):
                if name not in row:
                    allowed = [i for i in range(len(FACTORS[name])) if possible(values([*row.items(), (name, i)]))]
                    if not allowed:
                        break
                    row[name] = draw.choice(allowed)
            if len(row) == len(names):
                gain = sum(all(row[n] == i for n, i in combination) for combination in wanted)
                best = max(best, (gain, row), key=lambda pair: pair[0])
        rows.append(values(best[1].items()))
        wanted = {c for c in wanted if not all(best[1][n] == i for n, i in c)}
    return rows


def values(indices: Any) -> dict[str, Any]:
    chosen = dict(indices)
    return {name: FACTORS[name][chosen[name]] for name in FACTORS if name in chosen}


# ------------------------------------------------------------------ what is trained


class Pictures(Dataset):
    """Small images, augmented by draws from every generator that a transform of anybody may use."""

    def __init__(self, length: int = LENGTH, augment: bool = True) -> None:
        self.images = np.random.default_rng(0).integers(0, 255, (length, 3, 4, 4)).astype(np.float32)
        self.augment = augment

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = self.images[index]
        if self.augment:
            image = np.roll(image, random.randrange(4), axis=1)
            image = image * np.random.uniform(0.5, 1.5) + np.random.standard_normal(image.shape)
            image = image[:, :, ::-1] if torch.rand(()) < 0.5 else image
            image = image + sample_generator('Noise').normal(size=image.shape)
        return {'inputs': torch.tensor(image.copy(), dtype=torch.float32) / 255, 'data_samples': torch.tensor(index)}


class Foreign(torch.utils.data.Sampler):
    """As projects write them: a function of the epoch that knows nothing of positions."""

    def __init__(self, dataset: Any, seed: int | None = None) -> None:
        self.size, self.epoch = len(dataset), 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Any:
        return iter(np.random.default_rng(self.epoch).integers(0, self.size, self.size).tolist())


class Net(BaseModel):
    """With buffers and dropout. `seen` is what it was trained with: indices, and the pixels as bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten())
        self.head = nn.Linear(16, 1)
        self.seen: list[tuple[list[int], bytes]] = []

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        images, indices = torch.stack(list(inputs)), torch.stack(list(data_samples))
        out = self.head(self.body(images))
        if mode == 'loss':
            self.seen.append((indices.tolist(), images.cpu().numpy().tobytes()))
            return {'loss': (out.flatten() - indices).square().mean(), 'size': out.detach().abs().mean()}
        return [out]

    def train_step(self, data: Any, optim_wrapper: Any) -> dict[str, torch.Tensor]:
        if not hasattr(optim_wrapper, 'optim_wrappers'):
            return super().train_step(data, optim_wrapper)
        logged = {}
        for part in ('body', 'head'):
            with optim_wrapper[part].optim_context(self):
                loss, log = self.parse_losses(self(**self.data_preprocessor(data, True), mode='loss'))
            optim_wrapper[part].update_params(loss)
            logged |= {'loss': log['loss'], f'loss_{part}': log['loss']}
        return logged


class Marks(Hook):
    """Notes how much was trained with and logged when a checkpoint was written."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.lines: list[dict] = []
        self.at: dict[int, tuple[int, int]] = {}

    def before_run(self, runner: Any) -> None:
        runner.visualizer.add_scalars = self.write

    def write(self, scalars: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        kept = {k: float(v) for k, v in scalars.items() if not any(w in k for w in ('time', 'memory', 'eta'))}
        self.lines.append({'written at': step, **kept})

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.at[runner.iter + 1] = len(runner.model.seen), len(self.lines)


def optim_wrapper(row: dict[str, Any]) -> dict:
    precision: dict[str, Any] = {
        'float32': {'type': 'OptimWrapper'},
        'bfloat16': {'type': 'AmpOptimWrapper', 'dtype': 'bfloat16'},
        # The scale grows until gradients overflow, so that some updates are left out.
        'float16': {
            'type': 'AmpOptimWrapper',
            'dtype': 'float16',
            'loss_scale': {'init_scale': 2.0**12, 'growth_interval': 2},
        },
    }[row['precision']]
    common: dict[str, Any] = {
        **precision,
        'clip_grad': row['clip'],
        'accumulative_counts': {'each batch': 1, 'accumulate 3': 3, 'step_unit 2': 2}[row['updates']],
    }
    sgd = {'type': 'SGD', 'lr': 0.02, 'momentum': 0.9, 'nesterov': True}
    adamw = {'type': 'AdamW', 'lr': 0.01}
    if row['optimizer'] == 'two':
        return {'body': {**common, 'optimizer': sgd}, 'head': {**common, 'optimizer': adamw}}
    return {**common, 'optimizer': sgd if row['optimizer'] == 'SGD' else adamw}


def schedule(row: dict[str, Any]) -> list[dict]:
    warmup = {'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'begin': 0, 'end': 3}
    return {
        'iter': [warmup, {'type': 'CosineAnnealingLR', 'by_epoch': False, 'begin': 3, 'T_max': ITERS}],
        'epoch': [warmup, {'type': 'MultiStepLR', 'milestones': [1, 2], 'by_epoch': True}],
        'converted': [
            {'type': 'PolyLR', 'by_epoch': True, 'begin': 0, 'end': 2, 'convert_to_iter_based': True},
            {'type': 'CosineAnnealingMomentum', 'T_max': 2, 'by_epoch': True},
        ],
        'plateau': [warmup, {'type': 'ReduceOnPlateauLR', 'monitor': 'mean', 'patience': 0, 'rule': 'greater'}],
    }[row['schedule']]


def wrappers_of(model: nn.Module, row: dict[str, Any]) -> Any:
    return OptimWrapperDict(**{n: build_optim_wrapper(getattr(model, n), cfg) for n, cfg in optim_wrapper(row).items()})


def build(work_dir: Path, row: dict[str, Any], workers: int, load_from: Path | None = None) -> Runner:
    by_epoch = row['loop'] == 'epoch'
    torch.manual_seed(0)
    model = Net()
    two = row['optimizer'] == 'two'
    sampler = {'type': Foreign} if row['sampler'] == 'foreign' else {'type': row['sampler'], 'shuffle': True}
    train_cfg: dict[str, Any] = (
        {'by_epoch': True, 'max_epochs': 2} if by_epoch else {'by_epoch': False, 'max_iters': ITERS}
    )
    train_cfg['val_interval'] = {None: 1, 'often': 1 if by_epoch else 2, 'once': 2 if by_epoch else 5}[
        row['validation']
    ]
    if row['updates'] == 'step_unit 2':
        train_cfg['step_unit'] = 'update'
    validation: dict[str, Any] = {
        'val_dataloader': {
            'batch_size': 2,
            'num_workers': 0,
            'dataset': Pictures(3, augment=False),
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        },
        'val_evaluator': ToyMetric(),
        'val_cfg': {},
    }
    average = {
        None: [],
        'ExponentialMovingAverage': [{'type': 'EMAHook', 'momentum': 0.2}],
        'buffers': [{'type': 'EMAHook', 'momentum': 0.2, 'update_buffers': True, 'interval': 2}],
        'later': [{'type': 'EMAHook', 'momentum': 0.2, **({'begin_epoch': 2} if by_epoch else {'begin_iter': 3})}],
        'StochasticWeightAverage': [{'type': 'EMAHook', 'ema_type': 'StochasticWeightAverage'}],
    }[row['average']]
    runner = Runner(
        model=model,
        work_dir=str(work_dir),
        train_dataloader={
            'batch_size': BATCH,
            'num_workers': workers,
            'dataset': Pictures(),
            'sampler': sampler,
            'persistent_workers': row['loading'] == 'persistent' and workers > 0,
            **({'prefetch_factor': 5} if row['loading'] == 'prefetch' and workers else {}),
        },
        train_cfg=train_cfg,
        optim_wrapper=wrappers_of(model, row) if two else optim_wrapper(row),
        param_scheduler={'body': schedule(row), 'head': schedule(row)[:1]} if two else schedule(row),
        default_hooks={
            'logger': {'type': 'LoggerHook', 'interval': 2, 'log_metric_by_epoch': by_epoch},
            'checkpoint': {
                'type': 'CheckpointHook',
                'interval': 1,
                'by_epoch': False,
                **({'save_best': 'mean', 'rule': 'less'} if row['validation'] else {}),
            },
        },
        custom_hooks=[CountingHook(), Marks(), *average],
        log_processor={'by_epoch': by_epoch, 'window_size': 3},
        visualizer={'type': 'Visualizer', 'vis_backends': []},
        randomness={'seed': 5, 'deterministic': torch.cuda.is_available()},
        log_level='ERROR',
        load_from=None if load_from is None else str(load_from),
        resume=load_from is not None,
        **(validation if row['validation'] else {}),
    )
    runner.train()
    return runner


def left_behind(runner: Runner) -> dict[str, Any]:
    """All that a run is when it has ended, except for what depends on the clock and on its folder."""
    schedulers = runner.param_schedulers
    groups = schedulers.values() if isinstance(schedulers, dict) else [schedulers]
    scalars = runner.message_hub.log_scalars
    hooks = {type(h).__name__: h for h in runner.hooks}
    best = hooks['CheckpointHook'].best_scores  # type: ignore[attr-defined]
    return {
        'model': dict(runner.model.state_dict()),
        'optimizer': runner.optim_wrapper.state_dict(),
        'schedulers': [[s.state_dict() for s in group] for group in groups],
        'average': dict(hooks['EMAHook'].ema_model.state_dict()) if 'EMAHook' in hooks else {},  # type: ignore
        'scalars': {k: v.data[0].tolist() for k, v in scalars.items() if 'time' not in k},
        'counters': (runner.iter, runner.epoch, hooks['CountingHook'].total, dict(best)),  # type: ignore[attr-defined]
    }


def check(tmp_path: Path, row: dict[str, Any]) -> None:
    whole = build(tmp_path / 'whole', row, row['workers'][0])
    expected, seen, marks = left_behind(whole), whole.model.seen, marks_of(whole)
    # What is compared is there, and differs from one batch to the next.
    assert expected['scalars'] and marks.lines and whole.iter >= 4
    assert len({pixels for _, pixels in seen}) * (2 if row['optimizer'] == 'two' else 1) == len(seen)
    for at in range(1, whole.iter):
        resumed = build(tmp_path / f'{at}', row, row['workers'][1], tmp_path / 'whole' / f'iter_{at}.pth')
        samples, lines = marks.at[at]
        assert resumed.model.seen == seen[samples:], f'samples after {at}'
        assert_same(left_behind(resumed), expected, f'resumed at {at}: ')
        assert_same(marks_of(resumed).lines, marks.lines[lines:], f'logged after {at}: ')


def marks_of(runner: Runner) -> Marks:
    return next(hook for hook in runner.hooks if isinstance(hook, Marks))


def rows(strength: int) -> list:
    return [pytest.param(row, id='-'.join(map(str, row.values()))) for row in covering(strength)]


@pytest.mark.parametrize('row', rows(2))
def test_each_pair_of_options(tmp_path: Path, row: dict[str, Any]) -> None:
    check(tmp_path, row)


@pytest.mark.slow
@pytest.mark.parametrize('row', rows(3))
def test_each_triple_of_options(tmp_path: Path, row: dict[str, Any]) -> None:
    check(tmp_path, row)


@pytest.mark.gpu
@pytest.mark.parametrize('row', [row for row in covering(2) if row['precision'] == 'float16'][:3], ids=str)
def test_on_an_accelerator(tmp_path: Path, row: dict[str, Any]) -> None:
    if not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    check(tmp_path, row)
