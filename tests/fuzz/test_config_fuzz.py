"""The parsers of configs under atheris: a few thousand inputs as a test; `python test_config_fuzz.py` goes on for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).resolve().parents[1]
RUNS = 5000


@pytest.mark.slow
def test_no_crash() -> None:
    pytest.importorskip('atheris', reason='atheris is not installed')
    done = subprocess.run([sys.executable, __file__, f'-runs={RUNS}'], capture_output=True, text=True)
    assert not done.returncode, done.stderr[-3000:]


def main() -> None:
    """Read bytes as options, as data files and as Python that is not run."""
    import atheris

    sys.path.insert(0, str(HELPERS))
    with atheris.instrument_imports(include=['mmengine.config']):
        from helpers.config_texts import load_data, load_python, override

    def one(data: bytes) -> None:
        provider = atheris.FuzzedDataProvider(data)
        kind = provider.ConsumeIntInRange(0, 4)
        text = provider.ConsumeUnicodeNoSurrogates(sys.maxsize)
        if kind == 0:
            override(text.split())
        elif kind == 1:
            load_python(text)
        else:
            load_data(text, ('.json', '.yaml', '.toml')[kind - 2])

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == '__main__':
    main()
