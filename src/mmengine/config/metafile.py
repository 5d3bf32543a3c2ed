"""What an installed package says of its published models: `model-index.yml` and the metafiles that it lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.fileio import load
from mmengine.utils.errors import ConfigError

from .config import Config
from .loading import package_config


def package_models(package: str) -> list[dict[str, Any]]:
    """The entries (`Name`, `Config`, `Weights`, ...) of all models of a package, in the order of its metafiles.

    `Config` becomes the absolute path.

    Raises:
        ConfigError: the package is not installed.
    """
    indices = [package_config(f'{package}::{name}') for name in ('model-index.yml', 'model-index.yaml')]
    index = next((path for path in indices if path.is_file()), None)
    return [] if index is None else list(models_of_index(index))


def models_of_index(index: Path) -> Iterator[dict[str, Any]]:
    """The entries of all models that an index file leads to."""
    for name in (load(index, file_format='yaml') or {}).get('Import') or []:
        metafile = index.parent / name
        if not metafile.is_file():
            continue
        content = load(metafile, file_format='yaml')
        for entry in (content.get('Models') or []) if isinstance(content, dict) else []:
            yield {**entry, 'Config': str(index.parent / entry['Config'])} if 'Config' in entry else entry


def config_with_weights(name: str) -> tuple[Config, str]:
    """The config `package::path` and the address of its published weights.

    Raises:
        ConfigError: there are no such package, config or weights.
    """
    path = package_config(name).resolve()
    config = Config.fromfile(path)
    package = name.partition('::')[0]
    for entry in package_models(package):
        if 'Config' in entry and Path(entry['Config']).resolve() == path and entry.get('Weights'):
            return config, entry['Weights']
    raise ConfigError(f'{name}: the metafiles of {package} name no weights for it')
