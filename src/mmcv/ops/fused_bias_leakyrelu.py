"""A bias and a leaky ReLU (StyleGAN2, arXiv:1912.04958)."""

import torch
from torch import nn
from torch.nn import functional as F


def fused_bias_leakyrelu(
    input: torch.Tensor, bias: nn.Parameter, negative_slope: float = 0.2, scale: float = 1.4142135623730951
) -> torch.Tensor:
    """`leaky_relu(input + bias) * scale`, with a bias `(C,)` for each channel of `(N, C, ...)`."""
    shape = (1, -1) + (1,) * (input.ndim - 2)
    return F.leaky_relu(input + bias.view(shape), negative_slope) * scale


class FusedBiasLeakyReLU(nn.Module):
    """See `fused_bias_leakyrelu`; the bias starts at 0."""

    def __init__(self, num_channels: int, negative_slope: float = 0.2, scale: float = 1.4142135623730951) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(num_channels))
        self.negative_slope = negative_slope
        self.scale = scale

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return fused_bias_leakyrelu(input, self.bias, self.negative_slope, self.scale)
