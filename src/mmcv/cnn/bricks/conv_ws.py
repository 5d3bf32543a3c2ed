"""Weight standardization (arXiv:1903.10520)."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from mmengine.registry import MODELS

_Size = int | tuple[int, int]


def conv_ws_2d(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: _Size = 1,
    padding: _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
    eps: float = 1e-5,
) -> torch.Tensor:
    """Convolution of which each filter is brought to mean 0 and (unbiased) standard deviation 1."""
    std, mean = torch.std_mean(weight, dim=(1, 2, 3), keepdim=True)
    return F.conv2d(input, (weight - mean) / (std + eps), bias, stride, padding, dilation, groups)


@MODELS.register_module('ConvWS')
class ConvWS2d(nn.Conv2d):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Size,
        stride: _Size = 1,
        padding: _Size = 0,
        dilation: _Size = 1,
        groups: int = 1,
        bias: bool = True,
        eps: float = 1e-5,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return conv_ws_2d(
            x,
            self.weight,
            self.bias,
            self.stride,  # type: ignore[arg-type]
            self.padding,  # type: ignore[arg-type]
            self.dilation,  # type: ignore[arg-type]
            self.groups,
            self.eps,
        )


@MODELS.register_module(name='ConvAWS')
class ConvAWS2d(nn.Conv2d):
    """Weight standardization that can start from ordinary pretrained weights (DetectoRS, arXiv:2006.02334, sec. 3.3).

    The filters are scaled back by the mean and deviation they had when the checkpoint was loaded: buffers
    `weight_gamma` and `weight_beta`, `(out_channels, 1, 1, 1)`, which are computed when it does not hold them.
    """

    weight_gamma: torch.Tensor
    weight_beta: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Size,
        stride: _Size = 1,
        padding: _Size = 0,
        dilation: _Size = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.register_buffer('weight_gamma', torch.ones(self.out_channels, 1, 1, 1))
        self.register_buffer('weight_beta', torch.zeros(self.out_channels, 1, 1, 1))

    def _moments(self, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        flat = weight.flatten(1)
        mean = flat.mean(dim=1).view(-1, 1, 1, 1)
        std = torch.sqrt(flat.var(dim=1) + 1e-5).view(-1, 1, 1, 1)
        return mean, std

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean, std = self._moments(self.weight)
        weight = self.weight_gamma * ((self.weight - mean) / std) + self.weight_beta
        return super()._conv_forward(x, weight, self.bias)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        weight = state_dict.get(f'{prefix}weight')
        complete = f'{prefix}weight_gamma' in state_dict
        super()._load_from_state_dict(state_dict, prefix, *args)
        if weight is None or complete:
            return
        with torch.no_grad():
            mean, std = self._moments(self.weight)
            self.weight_beta.copy_(mean)
            self.weight_gamma.copy_(std)
        missing_keys = args[2]
        for name in ('weight_gamma', 'weight_beta'):
            if f'{prefix}{name}' in missing_keys:
                missing_keys.remove(f'{prefix}{name}')
