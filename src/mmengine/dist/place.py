"""Who am I among the processes. Has an answer without torch, too: a process that never imported it is alone."""

import functools
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

_F = TypeVar('_F', bound=Callable[..., Any])

_local_group: 'ProcessGroup | None' = None


def is_distributed() -> bool:
    torch_dist = sys.modules.get('torch.distributed')
    return torch_dist is not None and torch_dist.is_available() and torch_dist.is_initialized()


def get_world_size(group: 'ProcessGroup | None' = None) -> int:
    return sys.modules['torch.distributed'].get_world_size(group) if is_distributed() else 1


def get_rank(group: 'ProcessGroup | None' = None) -> int:
    return sys.modules['torch.distributed'].get_rank(group) if is_distributed() else 0


def get_dist_info(group: 'ProcessGroup | None' = None) -> tuple[int, int]:
    """(rank, world size)."""
    return get_rank(group), get_world_size(group)


def is_main_process(group: 'ProcessGroup | None' = None) -> bool:
    return get_rank(group) == 0


def master_only(func: _F) -> _F:
    """Decorator: only rank 0 runs the function; the others return `None` at once."""

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs) if is_main_process() else None

    return wrapped  # type: ignore[return-value]


def init_local_group(node_rank: int, num_gpus_per_node: int) -> None:
    """Make a group of the processes of this node. All processes must call it."""
    global _local_group
    for node in range(get_world_size() // num_gpus_per_node):
        first = node * num_gpus_per_node
        group = sys.modules['torch.distributed'].new_group(list(range(first, first + num_gpus_per_node)))
        if node == node_rank:
            _local_group = group


def get_local_group() -> 'ProcessGroup | None':
    """The group made by `init_local_group`, or `None` outside of a process group."""
    if is_distributed() and _local_group is None:
        raise ValueError('there is no local group yet; call init_local_group() on all processes first')
    return _local_group if is_distributed() else None


def get_local_size() -> int:
    """Number of processes on this node."""
    if not is_distributed():
        return 1
    return get_world_size(_local_group) if _local_group else int(os.environ.get('LOCAL_WORLD_SIZE', 1))


def get_local_rank() -> int:
    """Rank among the processes of this node."""
    if not is_distributed():
        return 0
    return get_rank(_local_group) if _local_group else int(os.environ.get('LOCAL_RANK', 0))
