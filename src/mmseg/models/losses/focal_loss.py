"""Focal loss."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmengine.utils.errors import ConfigError
from mmseg.models.losses.utils import class_weight_tensor, get_class_weight, one_hot_labels, weight_reduce_loss
from mmseg.registry import MODELS


def _per_class(values: Tensor, ndim: int) -> Tensor:
    """`(C,)` to `(1, C, 1, ...)`."""
    return values.reshape(1, -1, *(1,) * (ndim - 2))


def py_sigmoid_focal_loss(
    pred: Tensor,
    target: Tensor,
    one_hot_target: Tensor | None = None,
    weight: Tensor | None = None,
    gamma: float = 2.0,
    alpha: Any = 0.5,
    class_weight: Any = None,
    valid_mask: Tensor | None = None,
    reduction: str = 'mean',
    avg_factor: float | Tensor | None = None,
) -> Tensor:
    """Sigmoid focal loss (Lin et al., Focal Loss for Dense Object Detection, equation 5).

    Args:
        pred: Logits `(N, C)` or `(N, C, *)`.
        target: Targets in `[0, 1]` of that shape; `one_hot_target` is taken instead if given.
        weight: Weights of the samples, `(N,)` or `(N, *)`, or of the shape of `pred`.
        alpha: Weight of positive targets, negative ones have `1 - alpha`; one for all classes or one for each.
        class_weight: `(C,)`.
        valid_mask: Broadcastable to `pred`; zero where a pixel is ignored.
    """
    target = (target if one_hot_target is None else one_hot_target).type_as(pred)
    if isinstance(alpha, list | tuple):
        alpha = pred.new_tensor(alpha)
    if isinstance(alpha, Tensor) and alpha.ndim:
        alpha = _per_class(alpha, pred.ndim)
    probs = pred.sigmoid()
    miss = (1 - probs) * target + probs * (1 - target)
    focus = (alpha * target + (1 - alpha) * (1 - target)) * miss.pow(gamma)
    loss = F.binary_cross_entropy_with_logits(pred, target, reduction='none') * focus
    if weight is not None:
        loss = loss * (weight if weight.ndim == pred.ndim else weight.unsqueeze(1))
    if class_weight is not None:
        loss = loss * _per_class(torch.as_tensor(class_weight).to(pred), pred.ndim)
    return weight_reduce_loss(loss, valid_mask, reduction, avg_factor)


sigmoid_focal_loss = py_sigmoid_focal_loss


@MODELS.register_module()
class FocalLoss(nn.Module):
    """Sigmoid focal loss.

    Args:
        alpha: One weight of positive targets for all classes, or a list with one for each class.
    """

    _class_weight: Tensor | None
    _alpha: Tensor | None

    def __init__(
        self,
        use_sigmoid: bool = True,
        gamma: float = 2.0,
        alpha: float | list[float] = 0.5,
        reduction: str = 'mean',
        class_weight: Sequence[float] | str | None = None,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_focal',
    ) -> None:
        super().__init__()
        if not use_sigmoid:
            raise ConfigError('FocalLoss is defined with the sigmoid only; set use_sigmoid=True.')
        if reduction not in ('none', 'mean', 'sum'):
            raise ConfigError(f"reduction of FocalLoss should be 'none', 'mean' or 'sum', but is {reduction!r}.")
        self.use_sigmoid = use_sigmoid
        self.gamma = gamma
        self.alpha = alpha
        self.reduction = reduction
        self.class_weight = get_class_weight(class_weight)
        self.loss_weight = loss_weight
        self._loss_name = loss_name
        self.register_buffer('_class_weight', class_weight_tensor(self.class_weight), persistent=False)
        per_class = alpha if isinstance(alpha, list | tuple) else None
        self.register_buffer('_alpha', class_weight_tensor(per_class), persistent=False)

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
        ignore_index: int = 255,
        **kwargs: Any,
    ) -> Tensor:
        """`pred (N, C, *)`; `target` labels `(N, *)`, or targets of the shape of `pred`."""
        if pred.shape != target.shape:
            valid = target != ignore_index
            target = one_hot_labels(target, valid, pred.shape[1], pred.dtype)
            valid_mask = valid.unsqueeze(1)
        else:
            valid_mask = target != ignore_index
        return self.loss_weight * py_sigmoid_focal_loss(
            pred,
            target,
            weight=weight,
            gamma=self.gamma,
            alpha=self.alpha if self._alpha is None else self._alpha.to(pred),
            class_weight=self._class_weight,
            valid_mask=valid_mask,
            reduction=reduction_override or self.reduction,
            avg_factor=avg_factor,
        )

    @property
    def loss_name(self) -> str:
        return self._loss_name
