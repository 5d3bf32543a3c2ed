"""Accumulated gradients in checkpoints: each rank has its own until an update exchanges them."""

from __future__ import annotations

from typing import Any

from mmengine.dist import gather_object


def own_gradients(state: Any, rank: int, world_size: int) -> Any:
    """Optimizer state of a checkpoint with the accumulated gradients of this rank, or their mean for another number."""
    if not isinstance(state, dict):
        return state
    if 'accumulated_grads_of_ranks' not in state:
        # Several optimizers by name: each has its own.
        return {k: own_gradients(v, rank, world_size) if k != 'state' else v for k, v in state.items()}
    state = dict(state)
    others = state.pop('accumulated_grads_of_ranks')
    every = [state['accumulated_grads'], *others]
    if len(every) == world_size:
        state['accumulated_grads'] = every[rank]
    else:
        keys = sorted({key for grads in every for key in grads})
        state['accumulated_grads'] = {k: sum(g[k] for g in every if k in g) / len(every) for k in keys}
    return state


def with_gradients_of_all(state: dict) -> dict:
    """Optimizer state with what each rank has accumulated; all ranks must call it. Rank 0 gets the result."""
    if 'accumulated_grads' in state:
        own = {i: grad.cpu() for i, grad in state['accumulated_grads'].items()}
        every = gather_object(own)
        return state if every is None else {**state, 'accumulated_grads_of_ranks': every[1:]}
    return {k: with_gradients_of_all(v) if isinstance(v, dict) and 'param_groups' in v else v for k, v in state.items()}


def has_accumulated(optim_wrapper: Any) -> bool:
    """Whether gradients of iterations before wait for the next update."""
    if hasattr(optim_wrapper, 'optim_wrappers'):
        return any(has_accumulated(one) for one in optim_wrapper.optim_wrappers.values())
    counts = getattr(optim_wrapper, '_accumulative_counts', 1)
    return counts > 1 and not optim_wrapper.should_update()
