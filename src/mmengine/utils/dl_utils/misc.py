"""Questions about layers, and images from tensors."""

import importlib.util

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

_NORM_TYPES = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


def has_batch_norm(model: nn.Module) -> bool:
    """Whether the model contains batch normalisation (synchronised included)."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())


def is_norm(layer: nn.Module, exclude: type | tuple[type, ...] | None = None) -> bool:
    """Whether a layer normalises (by batch, instance, group, layer, root mean square) and is not excluded."""
    excluded = exclude if isinstance(exclude, tuple) else () if exclude is None else (exclude,)
    if not all(isinstance(item, type) for item in excluded):
        raise TypeError(f'exclude should be a type or a tuple of types, but got {exclude!r}')
    return isinstance(layer, _NORM_TYPES) and not isinstance(layer, excluded)


def tensor2imgs(
    tensor: Tensor,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    to_bgr: bool = True,
) -> list[np.ndarray]:
    """Undo the normalisation of a batch `(N, C, H, W)` with 1 or 3 channels.

    Args:
        mean, std: a value a channel, in the channel order of the tensor; 0 and 1 by default.
        to_bgr: reverse the channel order; with 3 channels only.

    Returns:
        N contiguous arrays `(H, W, C)` of the dtype of the tensor.

    Raises:
        ValueError: wrong shape, or `mean` and `std` of another length.
    """
    if tensor.ndim != 4 or tensor.shape[1] not in (1, 3):
        raise ValueError(f'tensor should be (N, C, H, W) with 1 or 3 channels, but its shape is {tuple(tensor.shape)}')
    channels = tensor.shape[1]
    mean, std = mean or (0,) * channels, std or (1,) * channels
    if len(mean) != channels or len(std) != channels:
        raise ValueError(f'mean and std should have {channels} values, but got {mean} and {std}')
    if channels == 1 and to_bgr:
        raise ValueError('one channel cannot be reversed; set to_bgr=False')
    images = tensor.detach() * tensor.new_tensor(std).view(-1, 1, 1) + tensor.new_tensor(mean).view(-1, 1, 1)
    if to_bgr:
        images = images.flip(1)
    return list(images.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def mmcv_full_available() -> bool:
    """Whether the operators of `mmcv.ops` can be used. They are plain PyTorch: wherever mmcv is, they are."""
    return importlib.util.find_spec('mmcv') is not None


def torch_meshgrid(*tensors: Tensor) -> tuple[Tensor, ...]:
    """`torch.meshgrid` with matrix indexing."""
    return torch.meshgrid(*tensors, indexing='ij')


def is_jit_tracing() -> bool:
    return torch.jit.is_tracing()
