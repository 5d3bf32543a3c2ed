"""`Optimizer.step` and `zero_grad` without the label for profilers that torch puts around them.

The label costs 5 to 9 microseconds a call whether a profiler runs or not: more than the work that these do for a small
model. Whatever else torch's methods would do, such as calling hooks, is done by calling them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks


def step(optimizer: Optimizer, **kwargs: Any) -> None:
    """One step."""
    method = type(optimizer).step
    if (
        kwargs
        or not getattr(method, 'hooked', False)  # no optimizer of torch, or one that is not labelled
        or 'step' in vars(optimizer)  # patched, as schedulers of torch do
        or optimizer._optimizer_step_pre_hooks
        or optimizer._optimizer_step_post_hooks
        or _global_optimizer_pre_hooks
        or _global_optimizer_post_hooks
        or torch.autograd._profiler_enabled()
    ):
        optimizer.step(**kwargs)
    else:
        method.__wrapped__(optimizer)  # type: ignore[attr-defined]


def zero_grad(optimizer: Optimizer, **kwargs: Any) -> None:
    """Drop all gradients."""
    if kwargs or type(optimizer).zero_grad is not Optimizer.zero_grad:
        optimizer.zero_grad(**kwargs)
        return
    for group in optimizer.param_groups:
        for param in group['params']:
            param.grad = None
