"""`mmseg train --resume` on a real pipeline: killed in the middle of an epoch, and as docs/resume.md shows it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.pages import commands_of, write_files
from helpers.toy import assert_same

from mmengine.checkpoint import CheckpointLoader

# Six images in batches of two: an epoch has three iterations.
CONFIG = """
_base_ = 'mmseg::quickstart.py'
train_dataloader = dict(batch_size=2, num_workers=2, dataset=dict(data_root={root!r}))
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(data_root={root!r}))
test_dataloader = val_dataloader
train_cfg = dict(max_iters=12, val_interval=4)
default_hooks = dict(
    checkpoint=dict(interval=1, max_keep_ckpts=3), logger=dict(interval=1), visualization=dict(draw=False))
custom_hooks = []
randomness = dict(seed=3, deterministic=True)
"""
ENVIRONMENT = {**os.environ, 'OMP_NUM_THREADS': '1'}
MMSEG = [sys.executable, '-m', 'mmseg.cli']


@pytest.fixture
def folder(tmp_path: Path, shapes: Path) -> Path:
    (tmp_path / 'my_config.py').write_text(CONFIG.format(root=str(shapes)), encoding='utf-8')
    return tmp_path


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def final(work_dir: Path) -> dict:
    saved = CheckpointLoader.load_checkpoint(str(work_dir / 'iter_12.pth'), map_location='cpu')
    logged = saved['message_hub']['log_scalars']
    return {
        **{part: saved[part] for part in ('state_dict', 'optimizer', 'param_schedulers')},
        'logged': {k: v.data[0].tolist() for k, v in logged.items() if 'time' not in k},
    }


@pytest.mark.slow
def test_killed_in_mid_epoch(folder: Path) -> None:
    train = [*MMSEG, 'train', 'my_config.py', '--work-dir']
    run([*train, 'whole'], folder)
    expected = final(folder / 'whole')
    assert len(expected['logged']['train/decode.loss_ce']) == 12
    for at, workers in ((2, 2), (4, 0), (7, 1)):
        work_dir = folder / f'killed{at}'
        process = subprocess.Popen(
            [*train, work_dir.name], cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, start_new_session=True
        )
        while not (work_dir / f'iter_{at}.pth').exists():
            assert process.poll() is None, 'ended before it was killed'
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not (work_dir / 'iter_12.pth').exists()
        options = ['--cfg-options', f'train_dataloader.num_workers={workers}']
        run([*train, work_dir.name, '--resume', *options], folder)
        assert_same(final(work_dir), expected, f'killed at {at}')


@pytest.mark.slow
def test_the_page_about_resuming(folder: Path) -> None:
    page = 'docs/resume.md'
    write_files(page, folder)
    commands = [shlex.split(line) for line in commands_of(page)]
    known = {'mmseg': MMSEG, 'python': [sys.executable]}
    output = [run([*known[program], *arguments], folder) for program, *arguments in commands]
    assert output[-1].splitlines()[-1] == 'equal'
