"""Collectives that also work without a process group, on tensors of any device.

Ranks `src` and `dst` are global ranks, as in `torch.distributed`.
"""

from collections.abc import Iterable, Mapping
from itertools import chain, zip_longest
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch import distributed as torch_dist
from torch.distributed import ProcessGroup

from mmengine.dist.utils import get_comm_device, get_default_group, get_rank, get_wire_device, get_world_size

_REDUCE_OPS = {
    'sum': torch_dist.ReduceOp.SUM,
    'mean': torch_dist.ReduceOp.SUM,  # and divided: gloo has no mean
    'product': torch_dist.ReduceOp.PRODUCT,
    'min': torch_dist.ReduceOp.MIN,
    'max': torch_dist.ReduceOp.MAX,
    'band': torch_dist.ReduceOp.BAND,
    'bor': torch_dist.ReduceOp.BOR,
    'bxor': torch_dist.ReduceOp.BXOR,
}

_cpu_group: ProcessGroup | None = None


def all_reduce(data: Tensor, op: str = 'sum', group: ProcessGroup | None = None) -> None:
    """Reduce in place over all processes.

    Args:
        op: `'sum'`, `'mean'`, `'product'`, `'min'`, `'max'`, `'band'`, `'bor'` or `'bxor'`.
    """
    op = op.lower()
    if op not in _REDUCE_OPS:
        raise ValueError(f'op should be one of {list(_REDUCE_OPS)}, but got {op!r}')
    world_size = get_world_size(group)
    if world_size == 1:
        return
    with torch.no_grad():
        reduced = data.to(get_wire_device(data, group)).contiguous()
        torch_dist.all_reduce(reduced, _REDUCE_OPS[op], group)
        if op == 'mean':
            reduced = reduced / world_size
        if reduced is not data:
            data.copy_(reduced)


def all_gather(data: Tensor, group: ProcessGroup | None = None) -> list[Tensor]:
    """The tensors of all processes, in order of rank; they must have the same shape."""
    world_size = get_world_size(group)
    if world_size == 1:
        return [data]
    sent = data.detach().to(get_wire_device(data, group)).contiguous()
    received = [torch.empty_like(sent) for _ in range(world_size)]
    torch_dist.all_gather(received, sent, group)
    return [item.to(data.device) for item in received]


def gather(data: Tensor, dst: int = 0, group: ProcessGroup | None = None) -> list[Tensor]:
    """The tensors of all processes on rank `dst`, an empty list on the others."""
    world_size = get_world_size(group)
    if world_size == 1:
        return [data]
    sent = data.detach().to(get_wire_device(data, group)).contiguous()
    received = [torch.empty_like(sent) for _ in range(world_size)] if get_rank() == dst else []
    torch_dist.gather(sent, received or None, dst, group)
    return [item.to(data.device) for item in received]


def broadcast(data: Tensor, src: int = 0, group: ProcessGroup | None = None) -> None:
    """Overwrite `data` in place by that of rank `src`."""
    if get_world_size(group) == 1:
        return
    with torch.no_grad():
        sent = data.to(get_wire_device(data, group)).contiguous()
        torch_dist.broadcast(sent, src, group)
        if sent is not data:
            data.copy_(sent)


def sync_random_seed(group: ProcessGroup | None = None) -> int:
    """A seed below 2**31 that all processes agree on, drawn from the numpy generator of the first."""
    seed = int(np.random.randint(2**31))
    if get_world_size(group) == 1:
        return seed
    shared = torch.tensor(seed, dtype=torch.int64, device=get_comm_device(group))
    first = 0 if group is None else torch_dist.get_global_rank(group, 0)
    torch_dist.broadcast(shared, first, group)
    return int(shared)


def broadcast_object_list(data: list[Any], src: int = 0, group: ProcessGroup | None = None) -> None:
    """Overwrite the items of a list in place by those of rank `src`. The lists must have the same length."""
    if not isinstance(data, list):
        raise TypeError(f'data should be a list, but got {type(data).__name__}')
    if get_world_size(group) > 1:
        torch_dist.broadcast_object_list(data, src, group)


def all_gather_object(data: Any, group: ProcessGroup | None = None) -> list[Any]:
    """The picklable objects of all processes, in order of rank."""
    world_size = get_world_size(group)
    if world_size == 1:
        return [data]
    received: list[Any] = [None] * world_size
    torch_dist.all_gather_object(received, data, group)
    return received


def gather_object(data: Any, dst: int = 0, group: ProcessGroup | None = None) -> list[Any] | None:
    """The picklable objects of all processes on rank `dst`, `None` on the others."""
    world_size = get_world_size(group)
    if world_size == 1:
        return [data]
    received: list[Any] | None = [None] * world_size if get_rank() == dst else None
    torch_dist.gather_object(data, received, dst, group)
    return received


def all_reduce_dict(data: dict[str, Tensor], op: str = 'sum', group: ProcessGroup | None = None) -> None:
    """Replace the values of a dict by reduced ones. All processes must have the same keys and shapes."""
    if not isinstance(data, Mapping):
        raise TypeError(f'data should be a dict, but got {type(data).__name__}')
    if get_world_size(group) == 1:
        return
    keys = sorted(data)
    data.update({key: data[key].detach().clone() for key in keys})
    all_reduce_params([data[key] for key in keys], op=op, group=group)


def all_reduce_params(
    params: Iterable[Tensor],
    coalesce: bool = True,
    bucket_size_mb: int = -1,
    op: str = 'sum',
    group: ProcessGroup | None = None,
) -> None:
    """Reduce tensors in place, packed by dtype and device into messages of `bucket_size_mb` (-1: all)."""
    if get_world_size(group) == 1:
        return
    tensors = [param.data for param in params]
    for bucket in _buckets(tensors, bucket_size_mb) if coalesce else [[tensor] for tensor in tensors]:
        packed = torch.cat([tensor.flatten() for tensor in bucket])
        all_reduce(packed, op, group)
        for tensor, reduced in zip(bucket, packed.split([tensor.numel() for tensor in bucket]), strict=True):
            tensor.copy_(reduced.view_as(tensor))


def _buckets(tensors: list[Tensor], bucket_size_mb: int) -> Iterable[list[Tensor]]:
    limit = bucket_size_mb * 1024 * 1024 if bucket_size_mb > 0 else float('inf')
    filling: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for tensor in tensors:
        bucket = filling.setdefault((tensor.dtype, tensor.device), [])
        bucket.append(tensor)
        if sum(item.nbytes for item in bucket) >= limit:
            yield filling.pop((tensor.dtype, tensor.device))
    yield from filling.values()


def collect_results(results: list[Any], size: int, device: str = 'cpu', tmpdir: str | None = None) -> list[Any] | None:
    """Results of all processes on rank 0, in the order of the dataset; `None` on the others.

    Args:
        results: of this process, for samples rank, rank + world size, rank + 2 * world size, ...
        size: length of the dataset; what a sampler added to make shares equal is cut off.
        device: `'cpu'` sends over the CPU, `'gpu'` (or `'npu'`) over the accelerator.
        tmpdir: not needed any more, since nothing is written to disk.
    """
    if device in ('gpu', 'npu'):
        return collect_results_gpu(results, size)
    if device == 'cpu':
        return collect_results_cpu(results, size, tmpdir)
    raise ValueError(f"device should be 'cpu', 'gpu' or 'npu', but got {device!r}")


def collect_results_cpu(result_part: list[Any], size: int, tmpdir: str | None = None) -> list[Any] | None:
    """`collect_results` over the CPU, whatever the backend of the default group."""
    global _cpu_group
    group = get_default_group()
    if group is not None and get_comm_device(group).type != 'cpu':
        if _cpu_group is None:
            _cpu_group = torch_dist.new_group(backend='gloo')
        group = _cpu_group
    return _interleave(gather_object(result_part, group=group), size)


def collect_results_gpu(result_part: list[Any], size: int) -> list[Any] | None:
    """`collect_results` over the device of the default group."""
    return _interleave(gather_object(result_part), size)


def _interleave(parts: list[list[Any]] | None, size: int) -> list[Any] | None:
    if parts is None:
        return None
    absent = object()
    items = chain.from_iterable(zip_longest(*parts, fillvalue=absent))
    return [item for item in items if item is not absent][:size]
