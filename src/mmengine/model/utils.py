"""Helpers around models: batches of unequal images, batch normalisation across processes, unused parameters."""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import SyncBatchNorm, _BatchNorm

from mmengine.logging import print_log


def stack_batch(tensor_list: Sequence[torch.Tensor], pad_size_divisor: int = 1, pad_value: float = 0) -> torch.Tensor:
    """Stack tensors `(C, H, W, ...)` of equal C to `(N, C, H', W', ...)`, padded at right and bottom.

    Args:
        pad_size_divisor: H', W', ... become multiples of it.
    """
    if not isinstance(tensor_list, list | tuple) or not all(isinstance(t, torch.Tensor) for t in tensor_list):
        raise TypeError(f'tensor_list should be a list of tensors, but got {type(tensor_list).__name__}')
    if not tensor_list:
        raise ValueError('tensor_list is empty')
    first = tensor_list[0]
    if any(t.ndim != first.ndim or t.shape[0] != first.shape[0] for t in tensor_list):
        shapes = ', '.join(str(tuple(t.shape)) for t in tensor_list)
        raise ValueError(f'tensors of a batch should agree in channels and number of dimensions, but got {shapes}')
    d = pad_size_divisor
    sizes = [-(-max(side) // d) * d for side in zip(*(t.shape[1:] for t in tensor_list), strict=True)]
    if all(list(t.shape[1:]) == sizes for t in tensor_list):
        return torch.stack(list(tensor_list))
    batch = first.new_full((len(tensor_list), first.shape[0], *sizes), pad_value)
    for target, tensor in zip(batch, tensor_list, strict=True):
        target[(slice(None), *(slice(side) for side in tensor.shape[1:]))].copy_(tensor)
    return batch


def merge_dict(*args: dict[Any, Any]) -> dict[Any, Any]:
    """One dict of several; later ones win."""
    return {key: value for part in args for key, value in part.items()}


def detect_anomalous_params(loss: torch.Tensor, model: nn.Module) -> None:
    """Log (at error level) every trainable parameter that the loss does not depend on. Slow: walks the graph."""
    seen, reached = set(), set()
    todo = [loss.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, 'variable'):
            reached.add(node.variable)
        todo.extend(parent for parent, _ in node.next_functions)
    for name, param in model.named_parameters():
        if param.requires_grad and param not in reached:
            print_log(
                f'the loss does not depend on {name} of shape {tuple(param.shape)}',
                logger='current',
                level=logging.ERROR,
            )


class _BatchNormXd(_BatchNorm):
    """Batch normalisation for inputs of any number of dimensions, as `SyncBatchNorm` takes them."""

    def _check_input_dim(self, input: torch.Tensor) -> None:
        pass


def revert_sync_batchnorm(module: nn.Module) -> nn.Module:
    """Replace every `SyncBatchNorm`, which needs CUDA and several processes, by ordinary batch normalisation.

    Parameters and statistics are those of the replaced layers. Returns the module, or what replaces it.
    """
    if isinstance(module, SyncBatchNorm):
        reverted = _BatchNormXd(
            module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats
        )
        # As they are, so that optimizers that hold the parameters keep working.
        reverted.weight, reverted.bias = module.weight, module.bias
        reverted.running_mean = module.running_mean
        reverted.running_var = module.running_var
        reverted.num_batches_tracked = module.num_batches_tracked
        reverted.training = module.training
        return reverted
    for name, child in module.named_children():
        replacement = revert_sync_batchnorm(child)
        if replacement is not child:
            module._modules[name] = replacement
    return module


def convert_sync_batchnorm(module: nn.Module, implementation: str = 'torch') -> nn.Module:
    """Replace batch normalisation by `SyncBatchNorm`. Both implementations, `torch` and `mmcv`, are PyTorch's."""
    if implementation not in ('torch', 'mmcv'):
        raise ValueError(f"implementation should be 'torch' or 'mmcv', but got {implementation!r}")
    return SyncBatchNorm.convert_sync_batchnorm(module)
