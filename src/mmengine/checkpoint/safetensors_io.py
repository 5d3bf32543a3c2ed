"""State dicts as safetensors files, which hold tensors and text and cannot hold code."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from mmengine.fileio import LocalBackend, atomic_write, get_file_backend, put
from mmengine.utils.errors import CheckpointError

from .unpickling import map_tensor


def save_safetensors(state_dict: Mapping[str, Tensor], filename: str | Path, metadata: dict | None = None) -> None:
    """Write a state dict. Tensors that share memory are written once each, so that any reader can load them.

    Args:
        metadata: anything that JSON can hold, by name.

    Raises:
        CheckpointError: a value is not a tensor.
    """
    others = [key for key, value in state_dict.items() if not isinstance(value, Tensor)]
    if others:
        raise CheckpointError(f'safetensors holds tensors only, but {", ".join(others[:5])} is none')
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in state_dict.items()}
    text = {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in (metadata or {}).items()}
    data = safetensors.torch.save(tensors, text or None)
    if isinstance(get_file_backend(filename), LocalBackend):
        path = Path(filename).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(data)
    else:
        put(data, filename)


def load_safetensors(filename: str | Path, map_location: Any = None) -> dict[str, Any]:
    """`dict(meta=..., state_dict=...)` of a local file.

    Raises:
        CheckpointError: the file is broken.
    """
    state: OrderedDict[str, Tensor] = OrderedDict()
    try:
        with safetensors.safe_open(filename, framework='pt', device='cpu') as file:
            for key in file.keys():  # noqa: SIM118  it is no mapping
                state[key] = map_tensor(file.get_tensor(key), map_location)
            meta = dict(file.metadata() or {})
    except safetensors.SafetensorError as e:
        size = Path(filename).stat().st_size
        raise CheckpointError(f'{filename} ({size:,} bytes) is no whole safetensors file: {e}') from e
    return {'meta': meta, 'state_dict': state}
