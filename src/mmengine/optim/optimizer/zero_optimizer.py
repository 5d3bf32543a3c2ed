"""Optimizer states shared out among ranks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.optim import Optimizer

from mmengine.registry import OPTIMIZERS
from mmengine.utils.errors import ConfigError


@OPTIMIZERS.register_module()
def ZeroRedundancyOptimizer(params: Iterable, optimizer_type: str, **kwargs: Any) -> Optimizer:
    """ZeRO stage 1 (arXiv:1910.02054) around an optimizer of `torch.optim`.

    Args:
        optimizer_type: name of a class in `torch.optim`.
        kwargs: its arguments.
    """
    # Imported at use: its package scripts functions, which takes a second and warns.
    from torch.distributed.optim import ZeroRedundancyOptimizer as Zero

    cls = getattr(torch.optim, optimizer_type, None)
    if cls is None:
        raise ConfigError(f'optimizer_type should be a class of torch.optim, but got {optimizer_type!r}')
    return Zero(params, cls, **kwargs)
