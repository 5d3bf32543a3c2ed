"""Where named pretrained weights are: tables of URLs, which a user can extend."""

from __future__ import annotations

import importlib
import json
import os
from importlib import resources

ENV_MMENGINE_HOME = 'MMENGINE_HOME'
ENV_XDG_CACHE_HOME = 'XDG_CACHE_HOME'
DEFAULT_CACHE_DIR = '~/.cache'


def _get_mmengine_home() -> str:
    """Folder for the user's tables and weights: `$MMENGINE_HOME`, or `mmengine` in the cache folder."""
    cache = os.path.join(os.getenv(ENV_XDG_CACHE_HOME, DEFAULT_CACHE_DIR), 'mmengine')
    home = os.path.expanduser(os.getenv(ENV_MMENGINE_HOME, cache))
    os.makedirs(home, exist_ok=True)
    return home


def _table(name: str) -> dict[str, str]:
    return json.loads(resources.files(__package__).joinpath('urls', f'{name}.json').read_text(encoding='utf-8'))


def get_external_models() -> dict[str, str]:
    """URLs of `open-mmlab://` by name; those in `open_mmlab.json` in the home folder come first."""
    urls = _table('openmmlab')
    own = os.path.join(_get_mmengine_home(), 'open_mmlab.json')
    if os.path.exists(own):
        with open(own, encoding='utf-8') as file:
            urls.update(json.load(file))
    return urls


def get_mmcls_models() -> dict[str, str]:
    """URLs of `mmcls://` by name."""
    return _table('mmcls')


def get_deprecated_model_names() -> dict[str, str]:
    """New names of `open-mmlab://` by former ones."""
    return _table('deprecated')


def get_torchvision_models() -> dict[str, str]:
    """URLs of `torchvision://` by name, such as `resnet50` or `resnet50.imagenet1k_v2`.

    The most used ones are known without torchvision; where it can be imported all of its classifiers are.
    """
    urls = _table('torchvision')
    try:
        models = importlib.import_module('torchvision.models')
    except (ImportError, RuntimeError):  # not installed, or built for another torch
        return urls
    for name in models.list_models(module=models):
        for weights in models.get_model_weights(name):
            urls.setdefault(name, weights.url)
            urls[f'{name}.{weights.name.lower()}'] = weights.url
    return urls
