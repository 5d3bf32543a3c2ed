"""Train the toy of `helpers.toy` as one of several ranks; see `defaults` for the options, given as JSON.

Rank 0 writes `final.pt`: whole state dicts, the mean loss of each iteration over the ranks, iteration and so on.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers.toy import ToyModel, toy_runner

from mmengine.checkpoint.sharded import gathered
from mmengine.dist import all_reduce, barrier, get_rank
from mmengine.hooks import Hook

DEFAULTS: dict[str, Any] = {
    'launcher': 'none',
    'work_dir': '',
    'strategy': None,
    'iters': 8,
    'batch': 2,
    'accumulate': 1,
    'amp': None,
    'clip': None,
    'optimizer': {'type': 'AdamW', 'lr': 0.01},
    'plain': True,  # a model without batch norm and dropout, whose loss does not depend on the ranks
    'ema': False,
    'resume': False,
    'load_from': None,
    'compile': None,
    'stop_at': None,  # leave as a kill would, after this iteration
    'fail_at': None,  # [rank, iteration]: raise
    'hang_at': None,  # [rank, iteration, seconds]
    'kill_at': None,  # [rank, iteration]: SIGKILL to itself, at the first start of the job
    'warn_at': None,  # [rank, iteration]
    'alone_at': None,  # iteration after which rank 0 alone calls save_checkpoint
    'pause': 0.0,
    'timeout': 60,
    'save': 1,
    'hooks': None,
    'val': True,
}


class PlainModel(ToyModel):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(4, 16), nn.ReLU(), nn.Sequential(nn.Linear(16, 8), nn.Tanh()), nn.Linear(8, 1)
        )


class Act(Hook):
    """Notes losses, and does what the options ask for."""

    priority = 'LOWEST'

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.losses: list[float] = []

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        options, done = self.options, runner.iter + 1
        loss = outputs['loss'].detach().double()
        all_reduce(loss, 'mean')
        self.losses.append(loss.item())
        here = [runner.rank, done]
        time.sleep(options['pause'])
        with Path(runner.work_dir, f'progress_{runner.rank}.txt').open('a') as file:
            file.write(f'{done}\n')
        if options['alone_at'] == done and runner.rank == 0:
            runner.save_checkpoint(runner.work_dir, 'alone.pth', by_epoch=False)
        if options['warn_at'] == here:
            warnings.warn('a python warning', stacklevel=1)
            runner.logger.warning('a logged warning')
        if options['fail_at'] == here:
            raise ZeroDivisionError('it was I')
        if options['hang_at'] and options['hang_at'][:2] == here:
            time.sleep(options['hang_at'][2])
        if options['kill_at'] == here and os.environ.get('TORCHELASTIC_RESTART_COUNT') == '0':
            os.kill(os.getpid(), signal.SIGKILL)
        if options['stop_at'] == done:
            barrier()
            raise SystemExit(0)


def main() -> None:
    options = {**DEFAULTS, **json.loads(sys.argv[1])}
    torch.set_num_threads(1)
    wrapper: dict[str, Any] = {
        'type': 'AmpOptimWrapper' if options['amp'] else 'OptimWrapper',
        'optimizer': options['optimizer'],
        'accumulative_counts': options['accumulate'],
        'clip_grad': options['clip'],
        **({'dtype': options['amp']} if options['amp'] else {}),
    }
    act = Act(options)
    overrides: dict[str, Any] = (
        {} if options['val'] else {'val_cfg': None, 'val_dataloader': None, 'val_evaluator': None}
    )
    runner = toy_runner(
        options['work_dir'],
        iters=options['iters'],
        length=24,
        model=PlainModel() if options['plain'] else ToyModel(),
        optim_wrapper=wrapper,
        strategy=options['strategy'],
        compile=options['compile'],
        resume=options['resume'],
        load_from=options['load_from'],
        launcher=options['launcher'],
        env_cfg={'dist_cfg': {'backend': 'gloo', 'timeout': options['timeout']}},
        custom_hooks=[act, *([{'type': 'EMAHook', 'momentum': 0.1}] if options['ema'] else [])],
        default_hooks={
            'logger': {'type': 'LoggerHook', 'interval': 1},
            'checkpoint': {
                'type': 'CheckpointHook',
                'interval': options['save'],
                'by_epoch': False,
                'save_last': False,
            },
        },
        **overrides,
    )
    runner._train_dataloader['batch_size'] = options['batch']
    begun = runner.iter
    model = runner.train()
    ema = [h.ema_model for h in runner.hooks if type(h).__name__ == 'EMAHook']
    state = {
        'model': runner.strategy.model_state(model),
        'optimizer': runner.optim_wrapper.state_dict(),
        'ema': ema[0].state_dict() if ema else {},
    }
    state = gathered(state)
    state |= {'losses': act.losses, 'iter': runner.iter, 'begun': begun}
    hub = runner.message_hub
    for name in ('train/grad_norm', 'val/mean'):
        if name in hub.log_scalars:
            state[name] = hub.get_scalar(name).data[0].tolist()
    if get_rank() == 0:
        torch.save(state, Path(options['work_dir'], 'final.pt'))


if __name__ == '__main__':
    main()
