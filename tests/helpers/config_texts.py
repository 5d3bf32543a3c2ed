"""Any text is a config, or is refused with a ConfigError: what the property tests and the fuzzer share."""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.config.static import load_static
from mmengine.utils.errors import ConfigError

BASE = "n = 3\nsize = (512, 256)\nroot = '/data'\nmodel = dict(type='A', steps=[dict(a=1), 2], head=dict(k='v'))\n"


def parse_options(texts: list[str]) -> dict[str, Any] | None:
    """`--cfg-options TEXTS`; None where argparse refuses them."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='*', action=DictAction)
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return parser.parse_args(['--cfg-options', *texts]).cfg_options or {}
        except SystemExit as stop:
            assert stop.code == 2
            return None


def override(texts: list[str]) -> None:
    """Merge options into a config."""
    options = parse_options([t for t in texts if not t.startswith('-')])
    if options is None:
        return
    cfg = Config.fromstring(BASE, '.py')
    try:
        cfg.merge_from_dict(options)
    except ConfigError:
        return
    assert isinstance(cfg.to_dict(), dict) and cfg.pretty_text is not None


def load_data(text: str, suffix: str) -> None:
    """Load text as a data file with a base. Nothing of it is run."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / 'base.py').write_text(BASE)
        path = Path(folder) / f'a{suffix}'
        path.write_text(text, encoding='utf-8', errors='ignore')
        with contextlib.suppress(ConfigError):
            Config.fromfile(path, import_custom_modules=False)


def load_python(text: str) -> None:
    """Read text as a Python config with a base, without running it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / 'base.py').write_text(BASE)
        path = Path(folder) / 'a.py'
        path.write_text(f"_base_ = 'base.py'\n{text}\n", encoding='utf-8', errors='ignore')
        with contextlib.suppress(ConfigError):
            load_static(path)
