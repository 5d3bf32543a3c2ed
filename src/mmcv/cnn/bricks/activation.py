"""Activation layers by name."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from mmengine.registry import MODELS

for _cls in (
    nn.ReLU,
    nn.LeakyReLU,
    nn.PReLU,
    nn.RReLU,
    nn.ReLU6,
    nn.ELU,
    nn.Sigmoid,
    nn.Tanh,
    nn.SiLU,
    nn.GELU,
    nn.Mish,
):
    MODELS.register_module(module=_cls)

GELU = nn.GELU


@MODELS.register_module(name='Clip')
@MODELS.register_module()
class Clamp(nn.Module):
    """Limit all values to `[min, max]`."""

    def __init__(self, min: float = -1.0, max: float = 1.0) -> None:
        super().__init__()
        self.min = min
        self.max = max

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.clamp(x, min=self.min, max=self.max)


def build_activation_layer(cfg: Mapping[str, Any]) -> nn.Module:
    """Build an activation from `dict(type=..., **arguments)`."""
    return MODELS.build(cfg)
