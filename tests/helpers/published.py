"""The configs published in the `mmsegmentation==1.2.2` wheel, fetched by its name and kept between runs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import pytest

VOCABULARY = 'bpe_simple_vocab_16e6.txt.gz'
WHEEL = 'mmsegmentation-1.2.2-py3-none-any.whl'


@cache
def published_configs() -> Path:
    """The folder `configs` of the wheel; the test is skipped where it cannot be fetched."""
    home = Path(tempfile.gettempdir()) / 'mmnext-tests'
    configs = home / 'mmsegmentation-1.2.2' / 'mmseg' / '.mim' / 'configs'
    if configs.is_dir():
        return configs
    home.mkdir(exist_ok=True)
    command = [sys.executable, '-m', 'pip', 'download', '-q', '--no-deps', '-d', str(home), 'mmsegmentation==1.2.2']
    done = subprocess.run(command, capture_output=True, text=True)
    if not (home / WHEEL).is_file():
        pytest.skip(f'the wheel of mmsegmentation 1.2.2 cannot be fetched: {done.stderr.strip()[-200:]}')
    with zipfile.ZipFile(home / WHEEL) as wheel, tempfile.TemporaryDirectory(dir=home) as folder:
        wheel.extractall(
            folder, [name for name in wheel.namelist() if '/.mim/configs/' in name or name.endswith(VOCABULARY)]
        )
        if not configs.is_dir():
            Path(folder, 'mmseg').rename(_made(home / 'mmsegmentation-1.2.2') / 'mmseg')  # whole or absent
    return configs


def clip_vocabulary() -> Path | None:
    """The vocabulary of CLIP's text encoder, which the wheel carries; None if it does not."""
    return next(published_configs().parents[1].rglob(VOCABULARY), None)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
