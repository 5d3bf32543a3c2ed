"""Parameters and multiply-adds of a model, layer by layer."""

import sys
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TextIO

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm

_UNITS = {'G': 10**9, 'M': 10**6, 'K': 10**3}


def get_model_complexity_info(
    model: nn.Module,
    input_shape: tuple[int, ...],
    print_per_layer_stat: bool = True,
    as_strings: bool = True,
    input_constructor: Callable[[tuple[int, ...]], dict[str, Any]] | None = None,
    flush: bool = False,
    ost: TextIO = sys.stdout,
) -> tuple[Any, Any]:
    """Count the operations of one forward pass and the parameters.

    An operation is a multiply-add, as the field calls a "FLOP". Convolutions and linear layers, normalisation,
    pooling, upsampling and the ReLU family count; functions that are no modules do not.

    Args:
        input_shape: of one input, without the batch: (C, H, W) for an image. It is a batch of one that is counted.
        print_per_layer_stat: write the model with the share of each layer to `ost`.
        as_strings: `('41.58 GFLOPs', '25.56 M')` rather than numbers.
        input_constructor: from `input_shape` to the keyword arguments of the forward pass, for other inputs.
        flush: flush `ost` after writing.

    Returns:
        Operations and parameters.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f'model should be a module, but got {type(model).__name__}')
    if not isinstance(input_shape, tuple) or not input_shape:
        raise TypeError(f'input_shape should be a tuple such as (3, 224, 224), but got {input_shape!r}')
    counts = _count(model, input_shape, input_constructor)
    flops = float(sum(counts.values()))
    params = get_model_parameters_number(model)
    if print_per_layer_stat:
        _print_model(model, counts, flops, params, ost, flush)
    return (flops_to_string(flops), params_to_string(params)) if as_strings else (flops, params)


def flops_to_string(flops: float, units: str | None = 'GFLOPs', precision: int = 2) -> str:
    """Operations as text, in `GFLOPs`, `MFLOPs`, `KFLOPs` or `FLOPs`; None: the largest unit that fits."""
    if units is None:
        units = next((f'{unit}FLOPs' for unit, size in _UNITS.items() if flops >= size), 'FLOPs')
    size = _UNITS.get(units.removesuffix('FLOPs'))
    return f'{flops} FLOPs' if size is None else f'{round(flops / size, precision)} {units}'


def params_to_string(num_params: float, units: str | None = None, precision: int = 2) -> str:
    """Parameters as text, in `M`, `K` or plain; None: the largest unit that fits."""
    if units is None:
        units = 'M' if num_params >= _UNITS['M'] else 'k' if num_params >= _UNITS['K'] else ''
    size = {'M': _UNITS['M'], 'K': _UNITS['K'], 'k': _UNITS['K']}.get(units)
    return str(num_params) if size is None else f'{round(num_params / size, precision)} {units}'


def get_model_parameters_number(model: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _conv(module: Any, x: torch.Tensor, out: torch.Tensor) -> int:
    channels = module.in_channels * module.out_channels // module.groups
    positions = prod((x if module.transposed else out).shape[2:])
    bias = prod(out.shape[1:]) if module.bias is not None else 0
    return len(out) * prod(module.kernel_size) * channels * positions + len(out) * bias


def _linear(module: Any, x: torch.Tensor, out: torch.Tensor) -> int:
    return x.numel() * out.shape[-1]


def _norm(module: Any, x: torch.Tensor, out: torch.Tensor) -> int:
    affine = getattr(module, 'affine', False) or getattr(module, 'elementwise_affine', False)
    return x.numel() * (2 if affine else 1)


def _input(module: Any, x: torch.Tensor, out: torch.Tensor) -> int:
    return x.numel()


def _output(module: Any, x: torch.Tensor, out: torch.Tensor) -> int:
    return out.numel()


_POOLS = (
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
)
_COUNTERS: tuple[tuple[tuple[type, ...], Callable[[Any, torch.Tensor, torch.Tensor], int]], ...] = (
    ((_ConvNd,), _conv),
    ((nn.Linear,), _linear),
    ((_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm), _norm),
    (_POOLS, _input),
    ((nn.ReLU, nn.PReLU, nn.ELU, nn.LeakyReLU, nn.ReLU6, nn.Hardswish, nn.Upsample), _output),
)


def _counter_of(module: nn.Module) -> Callable[[Any, torch.Tensor, torch.Tensor], int] | None:
    return next((counter for classes, counter in _COUNTERS if isinstance(module, classes)), None)


def _count(
    model: nn.Module, input_shape: Sequence[int], input_constructor: Callable[..., dict[str, Any]] | None
) -> dict[nn.Module, int]:
    """Operations of each layer in a forward pass in eval mode; the modes of all modules are put back."""
    counts: dict[nn.Module, int] = {}

    def hook_of(counter: Callable[[Any, torch.Tensor, torch.Tensor], int]) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...], out: Any) -> None:
            first = out[0] if isinstance(out, tuple) else out
            counts[module] = counts.get(module, 0) + counter(module, inputs[0], first)

        return hook

    handles = []
    for module in model.modules():
        counter = _counter_of(module)
        if counter is not None:
            handles.append(module.register_forward_hook(hook_of(counter)))
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            if input_constructor is not None:
                model(**input_constructor(tuple(input_shape)))
            else:
                like = next(model.parameters(), torch.empty(0))
                model(torch.ones(1, *input_shape, dtype=like.dtype, device=like.device))
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    return counts


def _print_model(
    model: nn.Module, counts: dict[nn.Module, int], flops: float, params: int, ost: TextIO, flush: bool
) -> None:
    """Write the `repr` of the model in which each module begins with its parameters and operations."""
    modules = list(model.modules())
    try:
        for module in modules:
            own_params = get_model_parameters_number(module)
            own_flops = sum(counts.get(child, 0) for child in module.modules())
            text = ', '.join(
                [
                    params_to_string(own_params, units='M', precision=3),
                    f'{own_params / max(params, 1):.3%} Params',
                    flops_to_string(own_flops, precision=3),
                    f'{own_flops / max(flops, 1):.3%} FLOPs',
                    module.extra_repr(),
                ]
            )
            module.__dict__['extra_repr'] = lambda text=text: text
        print(repr(model), file=ost, flush=flush)
    finally:
        for module in modules:
            module.__dict__.pop('extra_repr', None)
