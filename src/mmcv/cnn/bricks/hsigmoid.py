import torch
from torch import nn

from mmengine.registry import MODELS


@MODELS.register_module()
class HSigmoid(nn.Module):
    """`min(max((x + bias) / divisor, min_value), max_value)`: the piecewise linear sigmoid of MobileNetV3."""

    def __init__(self, bias: float = 3.0, divisor: float = 6.0, min_value: float = 0.0, max_value: float = 1.0) -> None:
        super().__init__()
        if divisor == 0:
            raise ValueError('divisor should not be 0')
        self.bias = bias
        self.divisor = divisor
        self.min_value = min_value
        self.max_value = max_value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return ((x + self.bias) / self.divisor).clamp(self.min_value, self.max_value)
