"""Reduction of losses, class weights and labels."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmengine.fileio import load
from mmengine.utils.errors import ConfigError, DataError


def get_class_weight(class_weight: Sequence[float] | str | None) -> Any:
    """Class weights as given, or read from a `.npy` file or any file that `mmengine.fileio.load` reads."""
    if not isinstance(class_weight, str):
        return class_weight
    return np.load(class_weight) if class_weight.endswith('.npy') else load(class_weight)


def class_weight_tensor(class_weight: Any) -> Tensor | None:
    """Class weights as the float32 tensor that a loss keeps as a buffer, so that it is moved only once."""
    return None if class_weight is None else torch.as_tensor(np.asarray(class_weight), dtype=torch.float32)


def reduce_loss(loss: Tensor, reduction: str) -> Tensor:
    """Reduce by `'none'`, `'mean'` or `'sum'`."""
    if reduction == 'none':
        return loss
    if reduction == 'mean':
        return loss.mean()
    if reduction == 'sum':
        return loss.sum()
    raise ConfigError(f"reduction of a loss should be 'none', 'mean' or 'sum', but is {reduction!r}.")


def weight_reduce_loss(
    loss: Tensor, weight: Tensor | None = None, reduction: str = 'mean', avg_factor: float | Tensor | None = None
) -> Tensor:
    """Weigh a loss elementwise, then reduce it.

    Args:
        weight: As many dimensions as `loss`, and broadcastable to it.
        avg_factor: With `'mean'`, what the sum is divided by, instead of the number of elements. A tensor stays
            on its device. Zero gives a loss of zero where the sum is zero.
    """
    if weight is not None:
        if weight.ndim != loss.ndim:
            raise ValueError(f'weight {tuple(weight.shape)} and loss {tuple(loss.shape)} differ in dimensions.')
        loss = loss * weight
    if avg_factor is None:
        return reduce_loss(loss, reduction)
    if reduction == 'mean':
        # eps keeps a batch without any valid pixel finite
        return loss.sum() / (avg_factor + torch.finfo(torch.float32).eps)
    if reduction == 'none':
        return loss
    raise ConfigError(f"avg_factor goes with reduction 'mean' or 'none', not with {reduction!r}.")


def weighted_loss(loss_func: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Give an elementwise loss `f(pred, target, **kwargs)` the arguments `weight`, `reduction` and `avg_factor`."""

    @functools.wraps(loss_func)
    def wrapper(
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        reduction: str = 'mean',
        avg_factor: float | Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        return weight_reduce_loss(loss_func(pred, target, **kwargs), weight, reduction, avg_factor)

    return wrapper


def one_hot_labels(label: Tensor, valid: Tensor, num_classes: int, dtype: torch.dtype) -> Tensor:
    """Labels `(N, *)` to `(N, num_classes, *)` in `dtype`; a pixel that is not `valid` is zero in every class.

    With one class, that class is label 1 and label 0 the background.
    """
    channels = max(num_classes, 2)
    encoded = torch.zeros((label.shape[0], channels, *label.shape[1:]), dtype=dtype, device=label.device)
    index = label.masked_fill(~valid, 0).long()
    try:
        encoded.scatter_(1, index.unsqueeze(1), valid.unsqueeze(1).to(dtype))
    except (IndexError, RuntimeError) as error:
        raise_bad_labels(error, index, num_classes, None)
        raise
    return encoded[:, -num_classes:]


def raise_bad_labels(
    error: Exception, label: Tensor, num_classes: int, ignore_index: int | None, sources: Sequence[str] = ()
) -> None:
    """Raise a `DataError` from `error` if `label` holds values that are no class; otherwise return.

    Called after an error only, since looking for such labels waits for the device.

    Args:
        label: `(N, *)` integers.
        sources: A name for each of the N samples, for the message.
    """
    if label.device.type == 'cuda' and 'device-side assert' in str(error):
        # After a device-side assertion nothing can be read from the device any more.
        error.add_note(
            f'A label may be outside of 0..{num_classes - 1} (ignore_index={ignore_index}). '
            'Run one iteration on the CPU to see which one.'
        )
        return
    classes = max(num_classes, 2)
    wrong = (label < 0) | (label >= classes)
    if ignore_index is not None:
        wrong &= label != ignore_index
    values = label[wrong].unique().tolist()
    if not values:
        return
    lines = [
        f'Labels {values[:10]}{" ..." if len(values) > 10 else ""} are no class: num_classes={classes} allows '
        f'0..{classes - 1}, and ignore_index={ignore_index} is left out.'
    ]
    for index, name in enumerate(sources):
        found = label[index][wrong[index]].unique().tolist()
        if found:
            lines.append(f'  {name}: {found[:10]}')
    lines.append(
        'Set num_classes of the heads to the number of classes, map the labels (reduce_zero_label, label_map of '
        'the dataset), or set ignore_index.'
    )
    raise DataError('\n'.join(lines)) from error
