"""The page on several optimizers: its script trains, logs both, and its checkpoint holds both."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from helpers.pages import commands_of, write_files

PAGE = 'docs/tutorials/several_optimizers.md'


def test_the_script_of_the_page_trains(tmp_path: Path) -> None:
    write_files(PAGE, tmp_path)
    (command,) = commands_of(PAGE)
    done = subprocess.run(
        [sys.executable, *command.split()[1:]],
        cwd=tmp_path,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert 'generator.lr' in done.stdout + done.stderr and 'loss_d' in done.stdout + done.stderr
    saved = torch.load(tmp_path / 'work_dirs/gan/iter_300.pth', weights_only=False)
    assert saved['optimizer'].keys() == {'generator', 'discriminator'}
    assert saved['param_schedulers'].keys() == {'generator', 'discriminator'}
    assert all(len(s['state']) for s in saved['optimizer'].values())
