"""Layers under the names of existing code. Current PyTorch takes empty batches, so nothing is wrapped."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d, Linear, MaxPool2d, MaxPool3d

from mmengine.registry import MODELS

MODELS.register_module(name='Conv', module=Conv2d)
MODELS.register_module(name='Conv3d', module=Conv3d)
MODELS.register_module(name=['deconv', 'ConvTranspose2d'], module=ConvTranspose2d)
MODELS.register_module(name=['deconv3d', 'ConvTranspose3d'], module=ConvTranspose3d)

__all__ = [
    'Conv2d',
    'Conv3d',
    'ConvTranspose2d',
    'ConvTranspose3d',
    'Linear',
    'MaxPool2d',
    'MaxPool3d',
    'NewEmptyTensorOp',
    'obsolete_torch_version',
]


class NewEmptyTensorOp(torch.autograd.Function):
    """An empty tensor of another shape through which an (equally empty) gradient flows."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, new_shape: Sequence[int]) -> torch.Tensor:
        ctx.shape = x.shape
        return x.new_empty(new_shape)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grad.new_zeros(ctx.shape), None


def obsolete_torch_version(torch_version: Any, version_threshold: Any) -> bool:
    """Whether a version tuple, or the string `'parrots'`, is at most the threshold."""
    return torch_version == 'parrots' or torch_version <= version_threshold
