"""Layers of SAN (Xu et al., arXiv:2302.12242)."""

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmseg.models.utils.layer_norm2d import LayerNorm2d

__all__ = ['LayerNorm2d', 'MLP']


class MLP(nn.Module):
    """Layers with ReLU between them.

    Args:
        affine_func: makes a layer from its input and output channels.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int,
        output_dim: int,
        num_layers: int,
        affine_func: Callable[..., nn.Module] = nn.Linear,
    ) -> None:
        super().__init__()
        self.num_layers = num_layers
        hidden = [hidden_dim] * (num_layers - 1)
        widths = zip([input_dim, *hidden], [*hidden, output_dim], strict=True)
        self.layers: Any = nn.ModuleList(affine_func(i, o) for i, o in widths)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)
