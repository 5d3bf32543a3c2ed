"""Cross entropy over classes, per class (sigmoid) and of instance masks."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmengine.utils.errors import ConfigError
from mmseg.models.losses.utils import (
    class_weight_tensor,
    get_class_weight,
    one_hot_labels,
    raise_bad_labels,
    weight_reduce_loss,
)
from mmseg.registry import MODELS


def cross_entropy(
    pred: Tensor,
    label: Tensor,
    weight: Tensor | None = None,
    class_weight: Tensor | None = None,
    reduction: str = 'mean',
    avg_factor: float | Tensor | None = None,
    ignore_index: int = -100,
    avg_non_ignore: bool = False,
) -> Tensor:
    """Softmax cross entropy.

    The mean is over all pixels, each counting its class weight (1 without `class_weight`). Ignored pixels add
    nothing to the sum; they count 1 in the mean, or nothing with `avg_non_ignore`.

    Args:
        pred: Logits `(N, C, *)`.
        label: Labels `(N, *)`, int64.
        weight: Weights of pixels `(N, *)`.
        class_weight: `(C,)`.
        avg_factor: Divisor of the sum, instead of the mean described above.

    Raises:
        DataError: A label is neither a class nor `ignore_index` (on the CPU; an accelerator fails an assertion).
    """
    try:
        loss = F.cross_entropy(pred, label, weight=class_weight, reduction='none', ignore_index=ignore_index)
    except (IndexError, RuntimeError) as error:
        raise_bad_labels(error, label, pred.shape[1], ignore_index)
        raise
    if reduction == 'mean' and avg_factor is None and (avg_non_ignore or class_weight is not None):
        valid = label != ignore_index
        if class_weight is None:
            avg_factor = valid.sum()
        else:
            counted = class_weight[label.masked_fill(~valid, 0)]
            avg_factor = counted.masked_fill(~valid, 0.0 if avg_non_ignore else 1.0).sum()
    return weight_reduce_loss(loss, None if weight is None else weight.float(), reduction, avg_factor)


def binary_cross_entropy(
    pred: Tensor,
    label: Tensor,
    weight: Tensor | None = None,
    reduction: str = 'mean',
    avg_factor: float | Tensor | None = None,
    class_weight: Tensor | None = None,
    ignore_index: int = -100,
    avg_non_ignore: bool = False,
    **kwargs: Any,
) -> Tensor:
    """Sigmoid cross entropy of every class against the rest.

    Args:
        pred: Logits `(N, C, *)`. With C = 1 the class is label 1.
        label: Labels `(N, *)`, or targets in `[0, 1]` of the shape of `pred`.
        weight: Weights of pixels, shaped as `label`.
        class_weight: `(C,)`, weights of the positive targets.
    """
    if pred.ndim == label.ndim:
        target = label.float()
        valid = (label >= 0) & (label != ignore_index)
        element_weight = valid.float() if weight is None else weight * valid
    else:
        valid = (label >= 0) & (label != ignore_index)
        target = one_hot_labels(label, valid, pred.shape[1], torch.float32)
        valid = valid.unsqueeze(1).expand_as(pred)
        element_weight = valid.float() if weight is None else weight.unsqueeze(1) * valid
    if reduction == 'mean' and avg_factor is None and avg_non_ignore:
        avg_factor = valid.sum()
    if class_weight is not None:
        class_weight = class_weight.reshape(-1, *(1,) * (pred.ndim - 2))
    loss = F.binary_cross_entropy_with_logits(pred, target, pos_weight=class_weight, reduction='none')
    return weight_reduce_loss(loss, element_weight, reduction, avg_factor)


def mask_cross_entropy(
    pred: Tensor,
    target: Tensor,
    label: Tensor,
    reduction: str = 'mean',
    avg_factor: float | None = None,
    class_weight: Tensor | None = None,
    ignore_index: None = None,
    **kwargs: Any,
) -> Tensor:
    """Sigmoid cross entropy of the mask of each instance's own class.

    Args:
        pred: `(N, C, *)`.
        target: `(N, *)`, values in `[0, 1]`.
        label: `(N,)`, the class of each instance.

    Returns:
        Shape `(1,)`.
    """
    if ignore_index is not None or reduction != 'mean' or avg_factor is not None:
        raise ConfigError("mask_cross_entropy knows only reduction='mean', without avg_factor and ignore_index.")
    own = pred[torch.arange(len(pred), device=pred.device), label]
    return F.binary_cross_entropy_with_logits(own, target, weight=class_weight, reduction='mean')[None]


@MODELS.register_module()
class CrossEntropyLoss(nn.Module):
    """Cross entropy.

    Args:
        use_sigmoid: `binary_cross_entropy` instead of `cross_entropy`.
        use_mask: `mask_cross_entropy`.
        class_weight: Weights of the classes, or a file that holds them.
        loss_name: Key of this loss; only keys that start with `loss` are summed and differentiated.
        avg_non_ignore: Average over the pixels that are not ignored.
    """

    _class_weight: Tensor | None

    def __init__(
        self,
        use_sigmoid: bool = False,
        use_mask: bool = False,
        reduction: str = 'mean',
        class_weight: Sequence[float] | str | None = None,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_ce',
        avg_non_ignore: bool = False,
    ) -> None:
        super().__init__()
        if use_sigmoid and use_mask:
            raise ConfigError('CrossEntropyLoss: use_sigmoid and use_mask exclude each other.')
        self.use_sigmoid = use_sigmoid
        self.use_mask = use_mask
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.class_weight = get_class_weight(class_weight)
        self.register_buffer('_class_weight', class_weight_tensor(self.class_weight), persistent=False)
        self.avg_non_ignore = avg_non_ignore
        if use_sigmoid:
            self.cls_criterion: Any = binary_cross_entropy
        elif use_mask:
            self.cls_criterion = mask_cross_entropy
        else:
            self.cls_criterion = cross_entropy
        self._loss_name = loss_name

    def extra_repr(self) -> str:
        return f'avg_non_ignore={self.avg_non_ignore}'

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
        ignore_index: int | None = -100,
        **kwargs: Any,
    ) -> Tensor:
        class_weight = None if self._class_weight is None else self._class_weight.to(cls_score)
        return self.loss_weight * self.cls_criterion(
            cls_score,
            label,
            weight,
            class_weight=class_weight,
            reduction=reduction_override or self.reduction,
            avg_factor=avg_factor,
            avg_non_ignore=self.avg_non_ignore,
            ignore_index=ignore_index,
            **kwargs,
        )

    @property
    def loss_name(self) -> str:
        return self._loss_name
