"""How does the runner's overhead compare with that of other training loops?

    python benchmarks/loop_overhead_peers.py [--iters N] [--repeats N] [--reference-python PATH]

The tiny training of `loop_overhead.py`, in the same run, by each peer that is installed: Lightning's Trainer,
Accelerate and Ignite, each with a schedule by iteration and the loss logged every 50th iteration, as the runner's
default hooks do. `--reference-python` names an interpreter that has mmengine 0.10.7; the script then
runs itself there for its `Runner`.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).parent))
from loop_overhead import Numbers, Tiny, bare, runner


def loader() -> DataLoader:
    return DataLoader(Numbers(), batch_size=4, shuffle=True)


class Clock:
    """Seconds per iteration between the end of the warm-up and the last iteration."""

    def __init__(self, iters: int) -> None:
        self.warmup, self.last = iters // 10, iters + iters // 10
        self.count, self.start, self.seconds = 0, 0.0, 0.0

    def tick(self) -> None:
        self.count += 1
        if self.count == self.warmup:
            self.start = time.perf_counter()
        elif self.count == self.last:
            self.seconds = (time.perf_counter() - self.start) / (self.last - self.warmup)


def lightning(iters: int) -> float:
    import lightning as L

    clock = Clock(iters)

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(8, 1)

        def training_step(self, batch: dict, batch_idx: int) -> torch.Tensor:
            clock.tick()
            loss = self.linear(batch['inputs']).square().mean()
            self.log('loss', loss)
            return loss

        def configure_optimizers(self) -> dict:
            optimizer = torch.optim.SGD(self.parameters(), lr=1e-3)
            schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, clock.last, 0.9)
            return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}

    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            max_steps=clock.last,
            accelerator='cpu',
            enable_progress_bar=False,
            enable_model_summary=False,
            log_every_n_steps=50,
            default_root_dir=folder,
            logger=L.pytorch.loggers.CSVLogger(folder),
        )
        trainer.fit(Module(), loader())
    return clock.seconds


def accelerate(iters: int) -> float:
    from accelerate import Accelerator

    clock, accelerator = Clock(iters), Accelerator(cpu=True)
    model = Tiny().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, clock.last, 0.9)
    model, optimizer, data, schedule = accelerator.prepare(model, optimizer, loader(), schedule)
    losses = []
    while clock.count < clock.last:
        for batch in data:
            with accelerator.accumulate(model):
                loss = model(**batch)['loss']
                accelerator.backward(loss)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            losses.append(loss.detach())
            if len(losses) == 50:
                float(torch.stack(losses).mean())
                losses.clear()
            clock.tick()
            if clock.count == clock.last:
                break
    return clock.seconds


def ignite(iters: int) -> float:
    from ignite.engine import Engine, Events
    from ignite.metrics import RunningAverage

    clock, model = Clock(iters), Tiny().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, clock.last, 0.9)

    def update(engine: Engine, batch: dict) -> torch.Tensor:
        loss = model(**batch)['loss']
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    trainer = Engine(update)
    RunningAverage(output_transform=lambda loss: loss).attach(trainer, 'loss')
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: (schedule.step(), clock.tick()))
    trainer.add_event_handler(Events.ITERATION_COMPLETED(every=50), lambda engine: float(engine.state.metrics['loss']))
    trainer.run(loader(), max_iters=clock.last, epoch_length=len(loader()))
    return clock.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--iters', type=int, default=1000)
    parser.add_argument('--repeats', type=int, default=4)
    parser.add_argument('--reference-python')
    parser.add_argument('--only-runner', action='store_true', help='print the microseconds of the runner alone')
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter('ignore')
    logging.disable(logging.WARNING)
    if args.only_runner:
        with contextlib.redirect_stdout(sys.stderr):
            best = min(runner(args.iters, 50, own_loader=False) for _ in range(args.repeats))
        print(best * 1e6)
        return

    def ours(iters: int) -> float:
        return runner(iters, 50, own_loader=False)

    loops: dict[str, Callable[[int], float]] = {
        'bare loop': bare,
        'mmnext Runner': ours,
        'Accelerate': accelerate,
        'Ignite': ignite,
        'Lightning Trainer': lightning,
    }
    best = dict.fromkeys(loops, float('inf'))
    absent: dict[str, str] = {}
    for _ in range(args.repeats):
        for name, loop in loops.items():
            if name in absent:
                continue
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    best[name] = min(best[name], loop(args.iters) * 1e6)
            except ImportError as error:
                absent[name] = str(error)
    if args.reference_python:
        command = [args.reference_python, __file__, '--only-runner']
        command += ['--iters', str(args.iters), '--repeats', str(args.repeats)]
        env = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=env)
        best['mmengine 0.10.7 Runner'] = float(done.stdout.split()[-1])
    for name, time_of in best.items():
        if name in absent:
            print(f'{name:<24} not measured: {absent[name]}')
        else:
            added = time_of - best['bare loop']
            ratio = time_of / best['bare loop']
            print(f'{name:<24} {time_of:8.1f} us per iteration, added {added:7.1f} us, ratio {ratio:.2f}')


if __name__ == '__main__':
    main()
