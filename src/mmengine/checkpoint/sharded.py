"""Checkpoints in a folder, to which each rank writes its shards, and their way to one file and back.

    folder/run.pth                the checkpoint; sharded tensors are placeholders on the device `meta`
    folder/.metadata, *.distcp    these tensors, by `torch.distributed.checkpoint`, named by their place

The folder is written under another name and renamed, with `run.pth` last: it is whole or absent.
"""

from __future__ import annotations

import os
import pickle
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mmengine.dist import barrier, get_world_size, is_main_process
from mmengine.utils.errors import CheckpointError

from .saving import save_checkpoint
from .unpickling import read_pickle

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

_RUN = 'run.pth'
_Change = Callable[[str, Tensor], Any]


def is_sharded_checkpoint(path: str | Path) -> bool:
    """Whether a path is a whole folder of shards."""
    return Path(path, _RUN).is_file() and Path(path, '.metadata').is_file()


def is_dtensor(value: Any) -> bool:
    """Whether a value is a tensor that ranks share, without importing what is slow to import."""
    return isinstance(value, Tensor) and type(value) is not Tensor and hasattr(value, 'full_tensor')


def gathered(value: Any) -> Any:
    """The nested value with full tensors on the CPU in place of shared ones; on other ranks than 0 with None for them.

    All ranks must call it with values built alike.
    """

    def gather(_: str, tensor: Tensor) -> Tensor | None:
        if not is_dtensor(tensor):
            return tensor
        full = tensor.full_tensor()  # type: ignore[attr-defined]
        return full.detach().cpu() if is_main_process() else None

    return _map_tensors(value, gather)


def save_sharded_checkpoint(checkpoint: Mapping[str, Any], folder: str | Path) -> None:
    """Write a checkpoint with shared tensors to a folder. All ranks of the process group must call it.

    Without a process group all tensors with a dimension are written as one shard.
    """
    folder = Path(folder).absolute()
    unfinished = folder.with_name(f'.{folder.name}.unfinished')
    if is_main_process():
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
    barrier()
    alone = get_world_size() == 1
    shards: dict[str, Tensor] = {}

    def take(place: str, tensor: Tensor) -> Tensor:
        if not (is_dtensor(tensor) or (alone and tensor.ndim > 0)):
            return tensor
        shards[place] = tensor.detach()
        return torch.empty(tensor.shape, dtype=tensor.dtype, device='meta')

    rest = _map_tensors(checkpoint, take)
    with _quiet():
        _dcp().save(shards, storage_writer=_dcp().FileSystemWriter(unfinished), no_dist=alone)
    if is_main_process():
        save_checkpoint(rest, unfinished / _RUN)
        _replace(folder, unfinished)
    barrier()


def _replace(folder: Path, written: Path) -> None:
    """Rename `written` to `folder`. Folders cannot be exchanged in one step: what stood there is moved out first."""
    former = folder.with_name(f'.{folder.name}.former')
    if folder.is_dir():
        shutil.rmtree(former, ignore_errors=True)
        folder.rename(former)
    elif folder.exists():
        folder.unlink()
    written.rename(folder)
    shutil.rmtree(former, ignore_errors=True)
    place = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def load_sharded_checkpoint(folder: str | Path, mesh: DeviceMesh | None = None) -> dict[str, Any]:
    """The checkpoint in a folder, whatever the number of ranks that wrote it.

    Args:
        mesh: give tensors split over this mesh, of which each rank reads its part; all its ranks must call it.
            Without it they are full, on the CPU.

    Raises:
        CheckpointError: it is no such folder, or it is broken.
    """
    if not is_sharded_checkpoint(folder):
        raise CheckpointError(f'{folder} is no folder of a sharded checkpoint: it needs {_RUN} and .metadata')
    rest = _read(Path(folder, _RUN))
    _check_metadata(Path(folder, '.metadata'))
    shards: dict[str, Tensor] = {}

    def allocate(place: str, tensor: Tensor) -> Tensor:
        if not tensor.is_meta:
            return tensor
        if mesh is None or tensor.ndim == 0:
            shards[place] = torch.empty(tensor.shape, dtype=tensor.dtype)
        else:
            from torch.distributed.tensor import Shard, empty

            shards[place] = empty(*tensor.shape, dtype=tensor.dtype, device_mesh=mesh, placements=[Shard(0)])
        return shards[place]

    checkpoint = _map_tensors(rest, allocate)
    if shards:
        try:
            with _quiet():
                _dcp().load(shards, storage_reader=_dcp().FileSystemReader(folder), no_dist=mesh is None)
        except _dcp().api.CheckpointException as e:
            reasons = '; '.join(dict.fromkeys(str(failure[0]) for failure in e.failures.values()))
            raise CheckpointError(f'the shards in {folder} cannot be read: {reasons}') from e
        except (OSError, RuntimeError, KeyError, ValueError, EOFError) as e:
            raise CheckpointError(f'the shards in {folder} cannot be read: {e}') from e
    return checkpoint


class _MetadataUnpickler(pickle.Unpickler):
    """`torch.distributed.checkpoint` reads its list of contents with plain pickle, which can run code."""

    def find_class(self, module: str, name: str) -> Any:
        is_dtype = module == 'torch' and isinstance(getattr(torch, name, None), torch.dtype)
        if not is_dtype and name not in _INERT.get(module, ()):
            raise CheckpointError(f'the list of shards holds {module}.{name}, which could run code, and was not loaded')
        return super().find_class(module, name)


_PATHS = ('PosixPath', 'WindowsPath')
_INERT = {
    'torch': ('Size',),
    'torch.serialization': ('_get_layout',),
    'torch.distributed.checkpoint.filesystem': ('_StorageInfo',),
    'torch.distributed.checkpoint.metadata': (
        *('BytesStorageMetadata', 'ChunkStorageMetadata', 'Metadata', 'MetadataIndex', 'StorageMeta'),
        *('TensorProperties', 'TensorStorageMetadata', '_MEM_FORMAT_ENCODING'),
    ),
    'collections': ('OrderedDict',),
    'pathlib': _PATHS,
    'pathlib._local': _PATHS,
}


def _check_metadata(path: Path) -> None:
    """Raise unless the list of contents is one, is inert, and names nothing but tensors."""
    try:
        with open(path, 'rb') as file:
            listed = _MetadataUnpickler(file).load()
        others = [k for k, v in listed.state_dict_metadata.items() if type(v).__name__ != 'TensorStorageMetadata']
    except CheckpointError as e:
        e.add_note(f'in {path}')
        raise
    except Exception as e:
        raise CheckpointError(f'{path} cannot be read: {type(e).__name__}: {e}') from e
    if others:
        raise CheckpointError(f'{path} lists {others[0]!r}, which is no tensor')


def unshard_checkpoint(folder: str | Path, file: str | Path) -> None:
    """Write the checkpoint in a folder to one file."""
    save_checkpoint(load_sharded_checkpoint(folder), file)


def shard_checkpoint(file: str | Path, folder: str | Path) -> None:
    """Write the checkpoint in one file to a folder, in this process alone. Any number of ranks can load it."""
    save_sharded_checkpoint(_read(Path(file)), folder)


def _read(file: Path) -> Any:
    # The reader below `_load_checkpoint`, so that this can in turn read folders.
    with open(file, 'rb') as stream:
        return read_pickle(stream, str(file), file.stat().st_size, 'cpu')


def _map_tensors(value: Any, change: _Change, place: str = '') -> Any:
    """The nested containers with `change(place, tensor)` for each tensor."""
    if isinstance(value, Tensor):
        return change(place, value)
    if isinstance(value, dict):
        # The class of state dicts and their metadata stay.
        copied = value.copy()
        for key, each in value.items():
            copied[key] = _map_tensors(each, change, f'{place}.{key}' if place else str(key))
        if hasattr(value, '_metadata'):
            copied._metadata = value._metadata  # type: ignore[attr-defined]
        return copied
    if type(value) in (list, tuple):
        return type(value)(_map_tensors(each, change, f'{place}.{i}') for i, each in enumerate(value))
    return value


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning that a process alone is alone."""
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='torch.distributed is disabled, unavailable or uninitialized')
        yield


def _dcp() -> Any:
    import torch.distributed.checkpoint as dcp  # takes a second to import

    return dcp


__all__ = [
    'gathered',
    'is_dtensor',
    'is_sharded_checkpoint',
    'load_sharded_checkpoint',
    'save_sharded_checkpoint',
    'shard_checkpoint',
    'unshard_checkpoint',
]
