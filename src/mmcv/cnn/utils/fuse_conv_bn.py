"""Folding batch normalisation into the convolution before it, for inference."""

from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import SyncBatchNorm


def _fuse_conv_bn(conv: Any, bn: Any) -> nn.Module:
    """Change the parameters of `conv` to those of `bn(conv(x))` with the running statistics of `bn`."""
    factor = bn.weight * torch.rsqrt(bn.running_var + bn.eps)
    bias = conv.bias if conv.bias is not None else torch.zeros_like(bn.running_mean)
    shape = [conv.out_channels] + [1] * (conv.weight.ndim - 1)
    conv.weight = nn.Parameter(conv.weight * factor.reshape(shape))
    conv.bias = nn.Parameter((bias - bn.running_mean) * factor + bn.bias)
    return conv


def fuse_conv_bn(module: nn.Module) -> nn.Module:
    """Fold each 2-d (or synchronised) batch normalisation into the convolution registered right before it, in place.

    Its place is taken by `nn.Identity`, so names of other modules stay. Changes inference only in rounding;
    a fused model must not be trained.
    """
    last_conv: nn.Conv2d | None = None
    last_name = ''
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d | SyncBatchNorm):
            if last_conv is None:
                continue
            module._modules[last_name] = _fuse_conv_bn(last_conv, child)
            module._modules[name] = nn.Identity()
            last_conv = None
        elif isinstance(child, nn.Conv2d):
            last_conv, last_name = child, name
        else:
            fuse_conv_bn(child)
    return module
