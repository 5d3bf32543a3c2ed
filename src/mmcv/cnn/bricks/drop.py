"""Dropout layers by name."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from mmengine.registry import MODELS


def drop_path(x: torch.Tensor, drop_prob: float = 0.0, training: bool = False) -> torch.Tensor:
    """Zero whole samples of `x` `(N, ...)` with probability `drop_prob`, and divide the others by `1 - drop_prob`.

    Stochastic depth (arXiv:1603.09382) when applied to the residual branch.
    """
    if drop_prob == 0.0 or not training:
        return x
    keep_prob = 1 - drop_prob
    shape = (x.shape[0],) + (1,) * (x.ndim - 1)
    keep = (keep_prob + torch.rand(shape, dtype=x.dtype, device=x.device)).floor()
    return x.div(keep_prob) * keep


@MODELS.register_module()
class DropPath(nn.Module):
    """`drop_path` while training."""

    def __init__(self, drop_prob: float = 0.1) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return drop_path(x, self.drop_prob, self.training)

    def extra_repr(self) -> str:
        return f'drop_prob={self.drop_prob}'


@MODELS.register_module()
class Dropout(nn.Dropout):
    """`nn.Dropout` whose probability has the name it has in configs."""

    def __init__(self, drop_prob: float = 0.5, inplace: bool = False) -> None:
        super().__init__(p=drop_prob, inplace=inplace)


def build_dropout(cfg: Mapping[str, Any], default_args: Mapping[str, Any] | None = None) -> Any:
    """Build a dropout layer from `dict(type=..., drop_prob=...)`."""
    return MODELS.build(cfg, default_args=default_args)
