"""Kill ten trainings with SIGKILL while they save, look at what they leave, and go on: `python kill_saving.py DIR`."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers.toy import ToyModel, assert_same, final_state, toy_runner

from mmengine.checkpoint import find_latest_checkpoint, is_whole

ITERS = 12


def train(work_dir: Path, resume: bool) -> None:
    model = ToyModel()
    model.register_buffer('ballast', torch.zeros(4_000_000))  # so that most of the time goes into saving
    hooks = {'checkpoint': {'type': 'CheckpointHook', 'interval': 1, 'by_epoch': False, 'max_keep_ckpts': 3}}
    runner = toy_runner(work_dir, iters=ITERS, model=model, resume=resume, default_hooks=hooks, num_workers=0)
    runner.train()
    torch.save(final_state(runner), work_dir / 'final.pt')


def child(work_dir: Path, resume: bool) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            train(work_dir, resume)
            code = 0
        finally:
            os._exit(code)
    return pid


def saving(work_dir: Path) -> bool:
    return work_dir.is_dir() and any(name.endswith('.tmp') for name in os.listdir(work_dir))


def killed_while_saving(work_dir: Path, draw: random.Random) -> bool:
    pid = child(work_dir, resume=False)
    wanted, seen = draw.randint(1, 8), 0
    deadline = time.monotonic() + 60
    while seen < wanted and time.monotonic() < deadline:
        if saving(work_dir):
            seen += 1
            if seen < wanted:
                while saving(work_dir):
                    time.sleep(0.0002)
        time.sleep(0.0002)
    time.sleep(draw.uniform(0, 0.02))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return saving(work_dir)


def main() -> None:
    torch.set_num_threads(1)
    root = Path(sys.argv[1])
    draw = random.Random(3)
    whole: Any = None
    hit = 0
    for number in range(11):
        work_dir = root / str(number)
        if number:
            hit += killed_while_saving(work_dir, draw)
            broken = [path.name for path in work_dir.glob('*.pth') if not is_whole(path)]
            assert not broken, broken
            if (work_dir / 'last_checkpoint').exists():
                assert is_whole((work_dir / 'last_checkpoint').read_text())
            kept = list(work_dir.glob('*.pth'))
            assert (find_latest_checkpoint(work_dir) is not None) == bool(kept)
        pid = child(work_dir, resume=number > 0)
        assert os.waitpid(pid, 0)[1] == 0
        assert not saving(work_dir), 'the half-written file is still there'
        final = torch.load(work_dir / 'final.pt', weights_only=False)
        whole = whole or final
        assert_same(final, whole, f'run {number}')
    print(f'{hit} of 10 were killed while a file was half written')
    assert hit >= 5


if __name__ == '__main__':
    main()
