"""Configs that come with this package, by name."""

from __future__ import annotations

import difflib
from pathlib import Path

from mmengine.utils.errors import ConfigError


def find_config(config: str | Path) -> str:
    """The path of a config that is given by path, as `package::path`, or by its name, such as `segformer_b0_ade20k`.

    Raises:
        ConfigError: there is neither such a file nor such a name.
    """
    if Path(config).is_file() or '::' in str(config):
        return str(config)
    names = packaged_configs()
    name = str(config).removesuffix('.py')
    if name in names:
        return str(names[name])
    near = difflib.get_close_matches(Path(name).name, names, n=3)
    hint = f'; did you mean {" or ".join(near)}?' if near else ''
    raise ConfigError(f'there is no config file {str(config)!r}, nor a config of that name in mmseg{hint}')


def packaged_configs() -> dict[str, Path]:
    """Names and paths of the configs that were installed with mmseg, or lie in its checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / '.mim' / 'configs', package.parents[1] / 'configs'):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.rglob('*.py')) if '_base_' not in path.parts}
    return {}
