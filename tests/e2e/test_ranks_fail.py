"""What happens to a job of two ranks when one fails, hangs or is killed, or when the job is told to stop."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers.ranks import SCRIPT, end_ranks, free_port, run_ranks, start_ranks
from helpers.toy import assert_same

pytestmark = [pytest.mark.dist, pytest.mark.slow]


def torchrun(options: dict, *arguments: str, timeout: float = 120) -> tuple[int, str, float]:
    begun = time.time()
    process = subprocess.run(
        [
            *(sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2', f'--master_port={free_port()}'),
            *arguments,
            *(str(SCRIPT), json.dumps({**options, 'launcher': 'pytorch'})),
        ],
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    return process.returncode, process.stdout, time.time() - begun


def test_a_killed_rank_restarts_the_job_which_resumes_by_itself(tmp_path: Path) -> None:
    run_ranks({'work_dir': str(tmp_path / 'whole'), 'plain': False})
    # Of an earlier run in the same folder; the restarted job must not go on from it.
    run_ranks({'work_dir': str(tmp_path / 'run'), 'plain': False, 'iters': 2, 'optimizer': {'type': 'SGD', 'lr': 0.1}})
    options = {'work_dir': str(tmp_path / 'run'), 'plain': False, 'kill_at': [1, 5]}
    code, output, _ = torchrun(options, '--max-restarts=1')
    assert code == 0, output
    assert 'start number 2 of this job' in output and not list((tmp_path / 'run').glob('interrupted*'))
    whole, run = (torch.load(tmp_path / n / 'final.pt', weights_only=False) for n in ('whole', 'run'))
    assert run['losses'] == whole['losses'][-len(run['losses']) :] and len(run['losses']) < 8
    assert_same(run['optimizer'], whole['optimizer'])


def test_a_job_killed_before_its_first_checkpoint_does_not_take_that_of_another(tmp_path: Path) -> None:
    run_ranks({'work_dir': str(tmp_path), 'iters': 2})
    time.sleep(0.05)
    code, output, _ = torchrun({'work_dir': str(tmp_path), 'kill_at': [1, 2], 'save': 100}, '--max-restarts=1')
    assert code == 0, output
    assert len(torch.load(tmp_path / 'final.pt', weights_only=False)['losses']) == 8


@pytest.mark.parametrize('strategy', [None, {'type': 'FSDPStrategy'}], ids=['ddp', 'fsdp'])
def test_a_rank_that_raises_ends_the_job_with_its_traceback(tmp_path: Path, strategy: dict | None) -> None:
    code, output, seconds = torchrun(
        {'work_dir': str(tmp_path), 'fail_at': [1, 3], 'warn_at': [1, 2], 'iters': 100, 'strategy': strategy}
    )
    assert code != 0 and seconds < 40, output
    assert 'ZeroDivisionError: it was I' in output
    assert 'rank 1 failed: ZeroDivisionError: it was I' in output, 'rank 0 says whose fault it is'
    assert re.search(r'Root Cause.*rank\s+: 1', output, re.DOTALL), output
    (kept,) = tmp_path.glob('*/rank_1.log')
    text = kept.read_text()
    assert 'rank 1' in text and 'Traceback' in text and "raise ZeroDivisionError('it was I')" in text
    assert 'a logged warning' in text and 'a python warning' in text
    assert not list(tmp_path.glob('*/rank_0.log')) and 'a logged warning' not in output


def test_without_torchrun_too_the_other_rank_ends_within_seconds(tmp_path: Path) -> None:
    processes = start_ranks({'work_dir': str(tmp_path), 'fail_at': [0, 3], 'iters': 100})
    begun = time.time()
    first, second = end_ranks(processes)
    assert [p.returncode for p in processes] == [1, 1] and time.time() - begun < 30
    assert 'ZeroDivisionError: it was I' in first and 'rank 0 failed: ZeroDivisionError: it was I' in second


def test_a_collective_that_waits_too_long_names_the_missing_rank(tmp_path: Path) -> None:
    processes = start_ranks({'work_dir': str(tmp_path), 'hang_at': [1, 3, 20], 'timeout': 4, 'save': 100})
    first, _ = end_ranks(processes)
    assert processes[0].returncode == 1
    assert re.search(r'rank 1 did not take part in the collective \(last seen after iteration \d+, \d+ s ago\)', first)


@pytest.mark.parametrize('to', [[0, 1], [1]], ids=['both', 'rank 1 alone'])
@pytest.mark.parametrize('accumulate', [1, 3])
def test_a_signal_stops_all_ranks_after_the_same_iteration(tmp_path: Path, to: list[int], accumulate: int) -> None:
    whole = {'work_dir': str(tmp_path / 'whole'), 'iters': 60, 'accumulate': accumulate, 'save': 100}
    options = {**whole, 'work_dir': str(tmp_path / 'run'), 'pause': 0.1}
    processes = start_ranks(options)
    progress = tmp_path / 'run' / 'progress_1.txt'
    while not progress.exists() or len(progress.read_text().split()) < 4:
        assert processes[0].poll() is None, processes[0].communicate()[0]
        time.sleep(0.02)
    for rank in to:
        processes[rank].send_signal(signal.SIGTERM)
        time.sleep(0.05)
    outputs = end_ranks(processes, 60)
    assert all('interrupted after iteration' in output for output in outputs), '\n'.join(outputs)
    (saved,) = (tmp_path / 'run').glob('interrupted_iter_*.pth')
    stopped = {len((tmp_path / 'run' / f'progress_{rank}.txt').read_text().split()) for rank in (0, 1)}
    assert stopped == {int(re.findall(r'\d+', saved.name)[0])}
    run_ranks({**options, 'pause': 0.0, 'resume': True})
    run_ranks(whole)
    run, expected = (torch.load(tmp_path / n / 'final.pt', weights_only=False) for n in ('run', 'whole'))
    assert_same(run['optimizer'], expected['optimizer'])
    assert run['losses'] == expected['losses'][-len(run['losses']) :]
