"""How the bytes of a checkpoint are got, for each kind of address."""

from __future__ import annotations

import difflib
import io
import os
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlparse

import torch

from mmengine.fileio import get
from mmengine.logging import print_log
from mmengine.utils.errors import CheckpointError

from .download import download_once, huggingface_url
from .model_urls import (
    ENV_MMENGINE_HOME,
    _get_mmengine_home,
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
    get_torchvision_models,
)
from .safetensors_io import load_safetensors
from .state_dict import state_dict_of
from .unpickling import read_pickle


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """A checkpoint that is not where it was said to be."""


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """A local file: of `torch.save`, or `.safetensors`."""
    path = os.path.expanduser(filename)
    if not os.path.isfile(path):
        raise CheckpointNotFoundError(_not_found(path))
    if path.endswith('.safetensors'):
        return load_safetensors(path, map_location)
    with open(path, 'rb') as file:
        return read_pickle(file, str(filename), os.path.getsize(path), map_location)


def _not_found(path: str) -> str:
    message = f'{path} can not be found'
    if not os.path.isabs(path):
        message += f' (from {os.getcwd()})'
    folder = os.path.dirname(path) or '.'
    if os.path.isdir(path):
        return f'{path} is a folder; give the file in it'
    if not os.path.isdir(folder):
        return f'{message}; there is no folder {folder}'
    near = difflib.get_close_matches(os.path.basename(path), os.listdir(folder), n=3)
    return f'{message}; did you mean {" or ".join(near)}?' if near else message


def _folders(model_dir: str | None) -> list[str]:
    """Where downloads are looked for; the first is where they are put."""
    if model_dir is not None:
        return [model_dir]
    hub = os.path.join(torch.hub.get_dir(), 'checkpoints')
    own = os.path.join(_get_mmengine_home(), 'checkpoints')
    return [own, hub] if os.getenv(ENV_MMENGINE_HOME) else [hub, own]


def load_from_http(
    filename: str, map_location: Any = None, model_dir: str | None = None, progress: bool = False
) -> Any:
    """A URL. The file is kept in torch hub's folder, or in `checkpoints` below `$MMENGINE_HOME` if that is set."""
    return _cached(filename, os.path.basename(urlparse(filename).path), model_dir, map_location, progress)


def _cached(url: str, name: str, model_dir: str | None, map_location: Any, progress: bool) -> Any:
    places = [os.path.join(folder, name) for folder in _folders(model_dir)]
    if not any(map(os.path.isfile, places)):
        download_once(url, places[0], progress)
    return load_from_local(next(filter(os.path.isfile, places)), map_location)


def load_from_huggingface(filename: str, map_location: Any = None, progress: bool = False) -> Any:
    """`hf://owner/repo/model.safetensors`, or `hf://owner/repo@revision/...`.

    The file is kept below `hf` in the folder of downloads; a revision that moves, like `main`, is not asked for again.
    Private ones need `$HF_TOKEN`.
    """
    name = os.path.join('hf', *filename.removeprefix('hf://').split('/'))
    return _cached(huggingface_url(filename), name, None, map_location, progress)


def _named(filename: str, urls: Mapping[str, str]) -> str:
    scheme, name = filename.split('://', 1)
    if name not in urls:
        near = difflib.get_close_matches(name, urls, n=3)
        hint = f'; did you mean {" or ".join(near)}?' if near else ''
        raise CheckpointNotFoundError(f'{scheme}:// has no weights named {name!r}{hint}')
    return urls[name]


def load_from_torchvision(filename: str, map_location: Any = None) -> Any:
    """`torchvision://resnet50`."""
    return load_from_http(_named(filename, get_torchvision_models()), map_location)


def load_from_openmmlab(filename: str, map_location: Any = None) -> Any:
    """`open-mmlab://resnet50_v1c`."""
    scheme, name = filename.split('://', 1)
    new_name = get_deprecated_model_names().get(name)
    if new_name is not None:
        print_log(f'{filename} is now named {scheme}://{new_name}.', logger='current')
        filename = f'{scheme}://{new_name}'
    url = _named(filename, get_external_models())
    if url.startswith(('http://', 'https://')):
        return load_from_http(url, map_location)
    return load_from_local(os.path.join(_get_mmengine_home(), url), map_location)


def load_from_mmcls(filename: str, map_location: Any = None) -> Any:
    """`mmcls://resnet50`: the backbone of a classifier."""
    return _process_mmcls_checkpoint(load_from_http(_named(filename, get_mmcls_models()), map_location))


def _process_mmcls_checkpoint(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Only the weights of the backbone, under the names that they have in it."""
    prefix = 'backbone.'
    weights = state_dict_of(checkpoint).items()
    return {'state_dict': OrderedDict((k[len(prefix) :], v) for k, v in weights if k.startswith(prefix))}


def load_from_ceph(filename: str, map_location: Any = None, backend: str = 'petrel') -> Any:
    """Remote storage, through the file backend of its prefix."""
    try:
        data = get(filename)
    except ValueError as e:
        raise CheckpointError(f'{filename} cannot be read: {e}') from e
    return read_pickle(io.BytesIO(data), filename, len(data), map_location)


load_from_pavi = load_from_ceph
