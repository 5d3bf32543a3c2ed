"""Initialisation and freezing that AlexNet, VGG and ResNet share."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmengine.checkpoint import load_checkpoint
from mmengine.model.weight_init import constant_init, kaiming_init, normal_init


def init_or_load(model: nn.Module, pretrained: str | None) -> None:
    """Load a checkpoint, or initialise convolutions, batch normalisation and linear layers.

    Raises:
        TypeError: `pretrained` is neither a str nor None.
    """
    if isinstance(pretrained, str):
        load_checkpoint(model, pretrained, map_location='cpu', strict=False, logger='current')
        return
    if pretrained is not None:
        raise TypeError(f'pretrained should be a str or None, but got {pretrained!r}')
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            kaiming_init(module)
        elif isinstance(module, _BatchNorm):
            constant_init(module, 1)
        elif isinstance(module, nn.Linear):
            normal_init(module, std=0.01)


def hold_batch_norm(model: nn.Module, freeze: bool) -> None:
    """Put batch normalisation in eval mode, and `freeze` its weights too."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
            if freeze:
                module.requires_grad_(False)
