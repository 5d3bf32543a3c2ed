"""Convolution and batch normalisation in one step while the statistics are fixed (arXiv:2305.11624)."""

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd


def efficient_conv_bn_eval_forward(bn: _BatchNorm, conv: _ConvNd, x: torch.Tensor) -> torch.Tensor:
    """`bn(conv(x))` for a `bn` that uses its running statistics, computed as one convolution (not a transposed one).

    The scaling is applied to the filters instead of the activations, so the activations between the two need not
    be kept for the backward pass; gradients of all parameters are those of the two steps.
    """
    assert bn.running_var is not None and bn.running_mean is not None
    factor = torch.rsqrt(bn.running_var + bn.eps)
    if bn.weight is not None:
        factor = factor * bn.weight
    bias = -bn.running_mean if conv.bias is None else conv.bias - bn.running_mean
    bias = bias * factor
    if bn.bias is not None:
        bias = bias + bn.bias
    weight = conv.weight * factor.view(-1, *[1] * (conv.weight.ndim - 1))
    return conv._conv_forward(x, weight, bias)
