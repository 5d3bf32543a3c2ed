"""What one operator costs. A handle takes the operator's arguments in the order of its schema, and its outputs.

A flop here is one multiply-add, as papers count them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

Handle = Callable[[list[Any], list[Any]], int | Counter[str]]


def conv_flop(inputs: list[Any], outputs: list[Any]) -> int:
    """Convolutions, transposed ones included: each weight meets each position (of the input, where transposed)."""
    x, weight, transposed = inputs[0], inputs[1], inputs[6]
    positions = (x if transposed else outputs[0]).shape[2:]
    return x.shape[0] * weight.numel() * math.prod(positions)


def linear_flop(inputs: list[Any], outputs: list[Any]) -> int:
    return inputs[0].numel() * inputs[1].shape[0]


def addmm_flop(inputs: list[Any], outputs: list[Any]) -> int:
    return inputs[1].numel() * inputs[2].shape[1]


def matmul_flop(inputs: list[Any], outputs: list[Any]) -> int:
    """`mm`, `bmm` and `matmul` of any number of dimensions."""
    return outputs[0].numel() * inputs[0].shape[-1]


def einsum_flop(inputs: list[Any], outputs: list[Any]) -> int:
    """Operands are contracted from left to right; one alone is summed or permuted for nothing."""
    equation, operands = inputs[0].replace(' ', ''), inputs[1]
    left, _, result = equation.partition('->')
    terms = [term.replace('...', '') for term in left.split(',')]
    if '->' not in equation:
        letters = left.replace(',', '').replace('...', '')
        result = ''.join(sorted(c for c in set(letters) if letters.count(c) == 1))
    # An ellipsis counts as the dimensions of the result that have no letter.
    batch = math.prod(outputs[0].shape[: outputs[0].ndim - len(result.replace('...', ''))]) if '...' in left else 1
    size: dict[str, int] = {}
    for term, operand in zip(terms, operands, strict=True):
        size.update(zip(reversed(term), reversed(operand.shape), strict=False))
    total, at_hand = 0, set(terms[0])
    for i, term in enumerate(terms[1:], 2):
        total += batch * math.prod(size[c] for c in at_hand | set(term))
        at_hand = (at_hand | set(term)) & set(result + ''.join(terms[i:]))
    return total


def attention_flop(inputs: list[Any], outputs: list[Any]) -> int:
    """Scaled dot product attention: queries with keys, and the weights with values."""
    query, key, value = inputs[:3]
    return query[..., 0].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def norm_flop(affine_arg: int) -> Handle:
    """Normalisation by statistics of the input; `affine_arg` is the position of its weight."""

    def count(inputs: list[Any], outputs: list[Any]) -> int:
        return inputs[0].numel() * (5 if inputs[affine_arg] is not None else 4)

    return count


def batch_norm_flop(inputs: list[Any], outputs: list[Any]) -> int:
    """While training as any normalisation; else a multiply-add, and one more where there is a weight."""
    if inputs[5]:
        return norm_flop(1)(inputs, outputs)  # type: ignore[return-value]
    return inputs[0].numel() * (2 if inputs[1] is not None else 1)


def elementwise_flop(input_scale: float = 1, output_scale: float = 0) -> Handle:
    """So many per element of the first argument, and per element of the output."""

    def count(inputs: list[Any], outputs: list[Any]) -> int:
        return int(input_scale * inputs[0].numel() + output_scale * outputs[0].numel())

    return count


def activations(inputs: list[Any], outputs: list[Any]) -> int:
    """Elements of the output."""
    return sum(out.numel() for out in outputs if isinstance(out, torch.Tensor))
