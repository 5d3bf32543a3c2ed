"""Initialisation of the weight and bias of one layer. A layer without weight or bias is left alone."""

import math

import torch
from torch import nn


def _set_bias(module: nn.Module, bias: float) -> None:
    if isinstance(getattr(module, 'bias', None), torch.Tensor):
        nn.init.constant_(module.bias, bias)  # type: ignore[arg-type]


def _weight(module: nn.Module) -> torch.Tensor | None:
    weight = getattr(module, 'weight', None)
    return weight if isinstance(weight, torch.Tensor) else None


def constant_init(module: nn.Module, val: float, bias: float = 0) -> None:
    if (weight := _weight(module)) is not None:
        nn.init.constant_(weight, val)
    _set_bias(module, bias)


def xavier_init(module: nn.Module, gain: float = 1, bias: float = 0, distribution: str = 'normal') -> None:
    """Glorot & Bengio 2010; `distribution` is `normal` or `uniform`."""
    _check_distribution(distribution)
    if (weight := _weight(module)) is not None:
        init = nn.init.xavier_uniform_ if distribution == 'uniform' else nn.init.xavier_normal_
        init(weight, gain=gain)
    _set_bias(module, bias)


def normal_init(module: nn.Module, mean: float = 0, std: float = 1, bias: float = 0) -> None:
    if (weight := _weight(module)) is not None:
        nn.init.normal_(weight, mean, std)
    _set_bias(module, bias)


def trunc_normal_(
    tensor: torch.Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> torch.Tensor:
    """Fill with a normal distribution cut off at the values (not multiples of `std`) `a` and `b`.

    By inversion of the distribution function, so that a seed gives the same values under every version of PyTorch.
    """
    low, high = (1 + math.erf((limit - mean) / (std * math.sqrt(2))) for limit in (a, b))
    edge = 1 - torch.finfo(tensor.dtype).eps / 2  # erfinv(1) is infinite
    with torch.no_grad():
        tensor.uniform_(low - 1, high - 1).clamp_(-edge, edge).erfinv_()
        return tensor.mul_(std * math.sqrt(2)).add_(mean).clamp_(a, b)


def trunc_normal_init(
    module: nn.Module, mean: float = 0, std: float = 1, a: float = -2, b: float = 2, bias: float = 0
) -> None:
    """As `trunc_normal_`."""
    if (weight := _weight(module)) is not None:
        trunc_normal_(weight, mean, std, a, b)
    _set_bias(module, bias)


def uniform_init(module: nn.Module, a: float = 0, b: float = 1, bias: float = 0) -> None:
    if (weight := _weight(module)) is not None:
        nn.init.uniform_(weight, a, b)
    _set_bias(module, bias)


def kaiming_init(
    module: nn.Module,
    a: float = 0,
    mode: str = 'fan_out',
    nonlinearity: str = 'relu',
    bias: float = 0,
    distribution: str = 'normal',
) -> None:
    """He et al. 2015 (arXiv:1502.01852).

    Args:
        a: negative slope of the leaky ReLU that follows.
        distribution: `normal` or `uniform`.
    """
    _check_distribution(distribution)
    if (weight := _weight(module)) is not None:
        init = nn.init.kaiming_uniform_ if distribution == 'uniform' else nn.init.kaiming_normal_
        init(weight, a=a, mode=mode, nonlinearity=nonlinearity)  # type: ignore[arg-type]
    _set_bias(module, bias)


def caffe2_xavier_init(module: nn.Module, bias: float = 0) -> None:
    """The `XavierFill` of Caffe2: uniform in `±sqrt(3 / fan_in)`."""
    kaiming_init(module, a=1, mode='fan_in', nonlinearity='leaky_relu', bias=bias, distribution='uniform')


def bias_init_with_prob(prior_prob: float) -> float:
    """The bias for which a sigmoid gives `prior_prob` (RetinaNet, arXiv:1708.02002, section 3.3)."""
    return float(-math.log((1 - prior_prob) / prior_prob))


def _check_distribution(distribution: str) -> None:
    if distribution not in ('uniform', 'normal'):
        raise ValueError(f"distribution should be 'uniform' or 'normal', but got {distribution!r}")
