"""The parsers of configs under atheris: a few thousand inputs as a test; `python test_config_fuzz.py` goes on for ever.

`pip install atheris` first. It begins at `SEEDS`; further arguments are those of libFuzzer, e.g. `-max_total_time=600`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HELPERS = Path(__file__).resolve().parents[1]
RUNS = 20000
SEEDS = [  # what reads the text, then the text
    'oa.b=1 c=[1,(2,3),"x"]',
    'omodel.steps.0.a=None size=(1,) d=1,2,[3]',
    "pmodel = dict(head=dict(_delete_=True, k={{_base_.n}}), root='{{_base_.root}}/x')",
    "px = [*'ab', {'y': 2**10 // 3, **dict(z=-1.5)}]\nx[0], w = x[::-1][1]['y'], f'{_base_.n:>3}'\ndel _base_.size",
    "pwith read_base():\n    from .base import *\nimport torch.nn as nn\nmodel.update(dict(type=nn.ReLU, a='%d' % 3))",
    "pfor i in range(3):\n    k = i\nhome = '{{$HOME:/root}}'\nname = '{{fileBasename}}'",
    'j{"_base_": "base.py", "model": {"steps": {"0": {"a": null}}}, "n": "{{_base_.n}}"}',
    'y_base_: base.py\nmodel: {head: !!python/tuple [1, 2]}\nn: &x [1, .5]\nm: *x',
    't_base_ = "base.py"\n[model.head]\nk = 1979-05-27\nl = [1, 2.5, "{{ fileDirname }}"]',
]


@pytest.mark.slow
def test_no_crash() -> None:
    pytest.importorskip('atheris', reason='atheris is not installed')
    done = subprocess.run([sys.executable, __file__, f'-runs={RUNS}'], capture_output=True, text=True)
    assert not done.returncode, done.stderr[-3000:]


def main() -> None:
    """Read texts as options, as data files and as Python that is not run."""
    import atheris

    sys.path.insert(0, str(HELPERS))
    with atheris.instrument_imports(include=['mmengine.config']):
        from helpers.config_texts import load_data, load_python, override

    readers = {
        'o': lambda text: override(text.split()),
        'p': load_python,
        'j': lambda text: load_data(text, '.json'),
        'y': lambda text: load_data(text, '.yaml'),
        't': lambda text: load_data(text, '.toml'),
    }

    def one(data: bytes) -> None:
        text = data.decode('utf-8', 'ignore')
        readers.get(text[:1], load_python)(text[1:])

    corpus = tempfile.mkdtemp()  # stays, since libFuzzer ends the process: a few small files
    for number, seed in enumerate(SEEDS):
        Path(corpus, str(number)).write_text(seed)
    atheris.Setup([*sys.argv, corpus], one)
    atheris.Fuzz()


if __name__ == '__main__':
    main()
