"""Start a script in several processes, as torchrun does, and a training for it that tells what it did."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name('ranks_script.py')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def start_ranks(options: dict[str, Any], ranks: int = 2, script: Path = SCRIPT) -> list[subprocess.Popen]:
    """Processes of `ranks_script.py`, with `options` as JSON; one alone has no process group."""
    common = {**os.environ, 'OMP_NUM_THREADS': '1'}
    if ranks > 1:
        common |= {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(free_port()), 'WORLD_SIZE': str(ranks)}
    return [
        subprocess.Popen(
            [sys.executable, str(script), json.dumps({**options, 'launcher': 'pytorch' if ranks > 1 else 'none'})],
            env={**common, **({'RANK': str(rank), 'LOCAL_RANK': str(rank)} if ranks > 1 else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(ranks)
    ]


def end_ranks(processes: list[subprocess.Popen], timeout: float = 120) -> list[str]:
    try:
        return [process.communicate(timeout=timeout)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()


def run_ranks(options: dict[str, Any], ranks: int = 2, codes: list[int] | None = None) -> list[str]:
    """The outputs of all ranks, which should end with these exit codes (0)."""
    processes = start_ranks(options, ranks)
    outputs = end_ranks(processes)
    found = [process.returncode for process in processes]
    assert found == (codes or [0] * ranks), f'{found}\n' + '\n=====\n'.join(outputs)
    return outputs
