"""A bias and an activation (StyleGAN2, arXiv:1912.04958)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional as F

_SQRT2 = math.sqrt(2)
# Name to function of the input and alpha, default alpha, and the gain that keeps the variance.
_ACTIVATIONS: dict[str, tuple[Callable[[torch.Tensor, float], torch.Tensor], float, float]] = {
    'linear': (lambda x, _: x, 0, 1),
    'relu': (lambda x, _: F.relu(x), 0, _SQRT2),
    'lrelu': (F.leaky_relu, 0.2, _SQRT2),
    'tanh': (lambda x, _: torch.tanh(x), 0, 1),
    'sigmoid': (lambda x, _: torch.sigmoid(x), 0, 1),
    'elu': (lambda x, _: F.elu(x), 0, 1),
    'selu': (lambda x, _: F.selu(x), 0, 1),
    'softplus': (lambda x, _: F.softplus(x), 0, 1),
    'swish': (lambda x, _: x * torch.sigmoid(x), 0, _SQRT2),
}


def bias_act(
    input: torch.Tensor,
    bias: torch.Tensor | None = None,
    dim: int = 1,
    act: str = 'linear',
    alpha: float | int | None = None,
    gain: float | None = None,
    clamp: float | None = None,
    use_custom_op: bool = True,
) -> torch.Tensor:
    """Add a bias, apply an activation, multiply and clamp.

    Args:
        bias: `(input.shape[dim],)`.
        act: `linear`, `relu`, `lrelu`, `tanh`, `sigmoid`, `elu`, `selu`, `softplus` or `swish`.
        alpha: slope of `lrelu`, 0.2 by default.
        gain: factor; the one that keeps the variance by default.
        clamp: results are kept within this distance of 0.
        use_custom_op: taken and makes no difference.
    """
    if act not in _ACTIVATIONS:
        raise KeyError(f'act should be one of {", ".join(_ACTIVATIONS)}, but got {act!r}')
    if clamp is not None and clamp < 0:
        raise ValueError(f'clamp should not be negative, but got {clamp}')
    function, default_alpha, default_gain = _ACTIVATIONS[act]
    if bias is not None:
        shape = [1] * input.ndim
        shape[dim] = -1
        input = input + bias.view(shape)
    output = function(input, float(default_alpha if alpha is None else alpha))
    gain = default_gain if gain is None else float(gain)
    if gain != 1:
        output = output * gain
    return output if clamp is None else output.clamp(-clamp, clamp)
