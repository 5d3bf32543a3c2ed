"""What sharded models (FSDP2) need where others copy and load plain tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmengine.checkpoint.sharded import is_dtensor


def is_sharded(model: nn.Module) -> bool:
    """Whether any parameter of a model is split over ranks."""
    return any(is_dtensor(param) for param in model.parameters())


def split_like(value: Tensor, own: Any) -> Tensor:
    """A full tensor, which all ranks have, split as `own` is."""
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.detach().to(own.to_local().device), own.device_mesh, own.placements)


def load_as_dtensors(model: nn.Module) -> None:
    """Let a sharded model load full tensors: each rank takes its part of those that have the shape of its own."""

    def split(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
        for name, own in (*module._parameters.items(), *module._buffers.items()):
            value = state.get(prefix + name)
            if own is None or not is_dtensor(own) or not isinstance(value, Tensor) or is_dtensor(value):
                continue
            if value.shape == own.shape:
                state[prefix + name] = split_like(value, own)

    for module in model.modules():
        module.register_load_state_dict_pre_hook(split)


class _Shadow(nn.Module):
    """Holds tensors of a model by their names and computes nothing."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError('the averages of a sharded model hold its parameters alone and cannot compute')


def shadow_of(model: nn.Module) -> nn.Module:
    """Copies of the parameters and buffers of a sharded model, by name; `deepcopy` cannot copy such a model."""
    copies: dict[int, Tensor] = {}  # so that tied ones stay tied

    def copied(tensor: Tensor) -> Any:
        if id(tensor) not in copies:
            copy = tensor.detach().clone()
            copies[id(tensor)] = nn.Parameter(copy, False) if isinstance(tensor, nn.Parameter) else copy
        return copies[id(tensor)]

    def build(module: nn.Module) -> nn.Module:
        shadow = _Shadow()
        for name, param in module._parameters.items():
            shadow.register_parameter(name, None if param is None else copied(param))
        for name, buffer in module._buffers.items():
            persistent = name not in module._non_persistent_buffers_set
            shadow.register_buffer(name, None if buffer is None else copied(buffer), persistent=persistent)
        for name, child in module._modules.items():
            shadow.add_module(name, None if child is None else build(child))
        return shadow

    with torch.no_grad():
        shadow = build(model)
    load_as_dtensors(shadow)
    return shadow
