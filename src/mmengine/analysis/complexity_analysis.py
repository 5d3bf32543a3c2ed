"""Multiply-adds, activations and parameters of a model."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import torch
from rich import box
from rich.console import Console
from rich.table import Table
from torch import nn

from .handles import (
    Handle,
    activations,
    addmm_flop,
    attention_flop,
    batch_norm_flop,
    conv_flop,
    einsum_flop,
    elementwise_flop,
    linear_flop,
    matmul_flop,
    norm_flop,
)
from .model_analysis import ModelAnalysis

_DEFAULT_SUPPORTED_FLOP_OPS: dict[str, Handle] = {
    'aten::_convolution': conv_flop,
    'aten::addmm': addmm_flop,
    'aten::bmm': matmul_flop,
    'aten::mm': matmul_flop,
    'aten::matmul': matmul_flop,
    'aten::linear': linear_flop,
    'aten::einsum': einsum_flop,
    'aten::scaled_dot_product_attention': attention_flop,
    'aten::batch_norm': batch_norm_flop,
    'aten::instance_norm': norm_flop(1),
    'aten::group_norm': norm_flop(2),
    'aten::layer_norm': norm_flop(2),
    'aten::upsample_nearest2d': elementwise_flop(0, 1),
    'aten::upsample_bilinear2d': elementwise_flop(0, 4),
    'aten::adaptive_avg_pool2d': elementwise_flop(1, 0),
    'aten::grid_sampler': elementwise_flop(0, 4),
}

_DEFAULT_SUPPORTED_ACT_OPS: dict[str, Handle] = {
    f'aten::{name}': activations
    for name in ('_convolution', 'addmm', 'bmm', 'einsum', 'matmul', 'linear', 'scaled_dot_product_attention')
}


class FlopAnalyzer(ModelAnalysis):
    """Multiply-adds of convolutions, products, normalisations, resizing and pooling. Arguments as `ModelAnalysis`."""

    def __init__(self, model: nn.Module, inputs: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
        super().__init__(model, inputs)
        self.set_op_handle(**_DEFAULT_SUPPORTED_FLOP_OPS)


class ActivationAnalyzer(ModelAnalysis):
    """Elements that convolutions and products put out. Arguments as `ModelAnalysis`."""

    def __init__(self, model: nn.Module, inputs: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
        super().__init__(model, inputs)
        self.set_op_handle(**_DEFAULT_SUPPORTED_ACT_OPS)


def _count(
    analysis: ModelAnalysis, supported_ops: dict[str, Handle] | None, unit: float
) -> tuple[defaultdict[str, float], Counter[str]]:
    analysis.set_op_handle(**(supported_ops or {}))
    totals: defaultdict[str, float] = defaultdict(float)
    totals.update({name: count / unit for name, count in analysis.by_operator().items()})
    return totals, analysis.unsupported_ops()


def flop_count(
    model: nn.Module, inputs: tuple[Any, ...], supported_ops: dict[str, Handle] | None = None
) -> tuple[defaultdict[str, float], Counter[str]]:
    """Multiply-adds by operator, in 10⁹, and what was not counted.

    Args:
        inputs: arguments of the model's `forward`.
        supported_ops: further handles, see `ModelAnalysis.set_op_handle`.
    """
    return _count(FlopAnalyzer(model, inputs), supported_ops, 1e9)


def activation_count(
    model: nn.Module, inputs: tuple[Any, ...], supported_ops: dict[str, Handle] | None = None
) -> tuple[defaultdict[str, float], Counter[str]]:
    """Activations by operator, in 10⁶, and what was not counted. Arguments as `flop_count`."""
    return _count(ActivationAnalyzer(model, inputs), supported_ops, 1e6)


def parameter_count(model: nn.Module) -> defaultdict[str, int]:
    """Elements of each parameter, and of those in each module, by name; `''` is the model. Shared ones count once."""
    counts: defaultdict[str, int] = defaultdict(int)
    for name, parameter in model.named_parameters():
        parts = name.split('.')
        for depth in range(len(parts) + 1):
            counts['.'.join(parts[:depth])] += parameter.numel()
    return counts


def parameter_count_table(model: nn.Module, max_depth: int = 3) -> str:
    """A table of the parameters of the modules down to `max_depth`, and of the shapes of the parameters in them."""
    counts = parameter_count(model)
    shapes = {name: str(tuple(parameter.shape)) for name, parameter in model.named_parameters()}
    table = Table(title=f'parameter count of {type(model).__name__}', box=box.ASCII2)
    table.add_column('name')
    table.add_column('#elements or shape')

    def size(count: int) -> str:
        for unit, letter in ((1e9, 'G'), (1e6, 'M'), (1e3, 'K')):
            if count >= unit / 10:
                return f'{count / unit:.1f}{letter}'
        return str(count)

    table.add_row('model', size(counts['']))
    for name, count in counts.items():
        depth = name.count('.') + 1
        # Parameters stand one deeper than the module they are in.
        if name and depth <= max_depth + (name in shapes):
            indent = ' ' * depth
            table.add_row(indent + name, indent + (shapes.get(name) or size(count)))
    return as_text(table)


def as_text(table: Table) -> str:
    """A table as lines, as wide as it needs."""
    console = Console(width=10_000)
    with console.capture() as capture:
        console.print(table, end='')
    return '\n'.join(line.rstrip() for line in capture.get().splitlines())
