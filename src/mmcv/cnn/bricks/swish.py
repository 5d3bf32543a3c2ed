import torch
from torch import nn

from mmengine.registry import MODELS


@MODELS.register_module()
class Swish(nn.Module):
    """`x * sigmoid(x)`; takes no `inplace`, otherwise `nn.SiLU`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.silu(x)
