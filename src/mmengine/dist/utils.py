"""Where tensors may travel among the processes. All has an answer without a process group."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch import distributed as torch_dist
from torch.distributed import ProcessGroup

from mmengine.dist.launch import infer_launcher, init_dist
from mmengine.dist.place import (
    get_dist_info,
    get_local_group,
    get_local_rank,
    get_local_size,
    get_rank,
    get_world_size,
    init_local_group,
    is_distributed,
    is_main_process,
    master_only,
)


def get_default_group() -> ProcessGroup | None:
    return torch_dist.group.WORLD if is_distributed() else None


def get_backend(group: ProcessGroup | None = None) -> str | None:
    return torch_dist.get_backend(group) if is_distributed() else None


def barrier(group: ProcessGroup | None = None) -> None:
    """Wait for all processes of the group."""
    if is_distributed():
        device = get_comm_device(group)
        torch_dist.barrier(group, device_ids=None if device.index is None else [device.index])


def _native_backends(group: ProcessGroup | None) -> dict[str, str]:
    """Device type -> backend, where the backend works on that device without a detour over the CPU."""
    pairs = (item.split(':') for item in torch_dist.get_backend_config(group).split(','))
    return {device: backend for device, backend in pairs if device == 'cpu' or backend not in ('gloo', 'mpi')}


def get_comm_device(group: ProcessGroup | None = None) -> torch.device:
    """The accelerator if the group communicates from there, else the CPU."""
    if is_distributed():
        for device in _native_backends(group):
            if device != 'cpu' and torch.accelerator.is_available():
                return torch.device(device, torch.accelerator.current_device_index())
    return torch.device('cpu')


def get_wire_device(data: Tensor, group: ProcessGroup | None = None) -> torch.device:
    """The device of `data` if the group can communicate from there, else `get_comm_device`."""
    return data.device if data.device.type in _native_backends(group) else get_comm_device(group)


def get_data_device(data: Any) -> torch.device:
    """Device that all tensors in nested mappings and iterables share.

    Raises:
        ValueError: there is no tensor, or they lie on several devices.
        TypeError: there is something other than tensors.
    """
    devices = {tensor.device for tensor in _tensors(data)}
    if len(devices) != 1:
        shown = f'lie on several devices: {sorted(map(str, devices))}' if devices else 'are none'
        raise ValueError(f'data should hold tensors of one device, but there {shown}')
    return devices.pop()


def _tensors(data: Any) -> Iterable[Tensor]:
    if isinstance(data, Tensor):
        yield data
    elif isinstance(data, str) or not isinstance(data, Iterable):
        raise TypeError(f'data should be a tensor, or mappings and iterables of tensors, but got {data!r}')
    else:
        for item in data.values() if isinstance(data, Mapping) else data:
            yield from _tensors(item)


def cast_data_device(data: Any, device: torch.device, out: Any = None) -> Any:
    """Nested mappings and collections of tensors, moved to a device; copied into `out` if that is given."""
    if isinstance(data, Tensor):
        moved = data.to(device)
        return moved if out is None else out.copy_(moved)
    if isinstance(data, str) or not isinstance(data, Collection):
        raise TypeError(f'data should be a tensor, or mappings and collections of tensors, but got {data!r}')
    if out is not None and (type(out) is not type(data) or len(out) != len(data)):
        raise ValueError(f'out should be built like data, but got {type(out).__name__} and {type(data).__name__}')
    rebuild: Any = type(data)
    targets: Any = out
    if isinstance(data, Mapping):
        targets = dict.fromkeys(data) if out is None else out
        return rebuild({key: cast_data_device(item, device, targets[key]) for key, item in data.items()})
    targets = [None] * len(data) if out is None else out
    items = [cast_data_device(item, device, target) for item, target in zip(data, targets, strict=True)]
    return rebuild(*items) if hasattr(data, '_fields') else rebuild(items)


__all__ = [
    'barrier',
    'cast_data_device',
    'get_backend',
    'get_comm_device',
    'get_data_device',
    'get_default_group',
    'get_dist_info',
    'get_local_group',
    'get_local_rank',
    'get_local_size',
    'get_rank',
    'get_wire_device',
    'get_world_size',
    'infer_launcher',
    'init_dist',
    'init_local_group',
    'is_distributed',
    'is_main_process',
    'master_only',
]
