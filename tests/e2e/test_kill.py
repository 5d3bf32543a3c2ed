"""A run killed with SIGKILL at any moment, resumed, gives the parameters of the run that was not killed, bit for bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers.toy import assert_same

SCRIPT = Path(__file__).resolve().parents[1] / 'helpers' / 'toy_script.py'


def command(work_dir: Path, *arguments: str, ranks: int = 1, port: int = 29655) -> list[str]:
    run = [str(SCRIPT), str(work_dir), *arguments]
    if ranks == 1:
        return [sys.executable, *run]
    launch = ['-m', 'torch.distributed.run', f'--nproc_per_node={ranks}', f'--master_port={port}']
    return [sys.executable, *launch, *run, '--launcher', 'pytorch']


def start(arguments: list[str]) -> subprocess.Popen:
    return subprocess.Popen(
        arguments,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(arguments: list[str]) -> str:
    process = start(arguments)
    output = process.communicate(timeout=200)[0]
    assert process.returncode == 0, output
    return output


def kill_after(process: subprocess.Popen, progress: Path, iteration: int, delay: float) -> bool:
    """SIGKILL the whole process group a moment after `iteration`; False if the run ended before."""
    deadline = time.time() + 120
    while time.time() < deadline and process.poll() is None:
        if progress.exists() and len(progress.read_text().split()) >= iteration:
            time.sleep(delay)
            break
        time.sleep(0.005)
    alive = process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return alive


@pytest.mark.slow
@pytest.mark.dist
@pytest.mark.parametrize(
    ('options', 'ranks', 'kills'),
    [
        ([], 1, 10),
        (['--workers', '2'], 1, 3),
        (['--by-epoch'], 1, 3),
        ([], 2, 3),
        (['--by-epoch', '--workers', '1'], 2, 2),
    ],
    ids=['one process', 'two workers', 'by epoch', 'two ranks', 'two ranks by epoch with workers'],
)
def test_killed_at_random_iterations(tmp_path: Path, options: list[str], ranks: int, kills: int) -> None:
    finish(command(tmp_path / 'whole', *options, ranks=ranks))
    expected = torch.load(tmp_path / 'whole' / 'final.pt', weights_only=False)
    draw = random.Random(f'{options}{ranks}')
    killed = 0
    for number in range(kills):
        work_dir = tmp_path / f'run{number}'
        process = start(command(work_dir, *options, '--pause', '0.05', ranks=ranks))
        killed += kill_after(process, work_dir / 'progress.txt', draw.randint(1, 13), draw.uniform(0, 0.06))
        output = finish(command(work_dir, *options, '--resume', ranks=ranks))
        assert_same(torch.load(work_dir / 'final.pt', weights_only=False), expected, f'run {number}\n{output}')
    assert killed >= kills - 1, 'the runs ended before they were killed'


@pytest.mark.slow
@pytest.mark.parametrize('signum', [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_save_and_say_how_to_resume(tmp_path: Path, signum: int) -> None:
    finish(command(tmp_path / 'whole'))
    work_dir = tmp_path / 'run'
    process = start(command(work_dir, '--pause', '0.2'))
    while not (work_dir / 'progress.txt').exists() or len((work_dir / 'progress.txt').read_text().split()) < 3:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    process.send_signal(signum)
    begun = time.time()
    output = process.communicate(timeout=60)[0]
    assert time.time() - begun < 10
    assert process.returncode != 0 and 'saved to' in output and 'to go on' in output, output
    saved = list(work_dir.glob('interrupted_iter_*.pth'))
    assert len(saved) == 1 and (work_dir / 'last_checkpoint').read_text() == str(saved[0])
    finish(command(work_dir, '--resume'))
    assert_same(
        torch.load(work_dir / 'final.pt', weights_only=False),
        torch.load(tmp_path / 'whole' / 'final.pt', weights_only=False),
    )
