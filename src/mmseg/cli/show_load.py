"""What the topics of `mmseg show` share: the config with its options, and pictures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.utils.errors import ConfigError, MissingDependencyError


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """`CONFIG` and `--cfg-options`."""
    parser.add_argument('config', metavar='CONFIG', help='config file')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='override values of the config'
    )


def load_config(args: argparse.Namespace) -> Config:
    """The config with the options of the command line."""
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    return cfg


def pyplot(out: str) -> Any:
    """Matplotlib without a window, for a picture that is to be written to `out`.

    Raises:
        MissingDependencyError: it is not installed.
        ConfigError: `out` is no kind of file that it writes, or its folder does not exist.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingDependencyError("--out draws with matplotlib; run: pip install 'mmnext[viz]'") from error
    pyplot.switch_backend('agg')
    kinds = pyplot.figure().canvas.get_supported_filetypes()
    pyplot.close('all')
    path = Path(out)
    if path.suffix[1:].lower() not in kinds:
        raise ConfigError(f'--out should end in one of {", ".join("." + k for k in sorted(kinds))}, but got {out!r}')
    if not path.absolute().parent.is_dir():
        raise ConfigError(f'--out: there is no folder {path.absolute().parent}')
    return pyplot
