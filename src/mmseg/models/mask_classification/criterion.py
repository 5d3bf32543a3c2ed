"""Losses as detection code has them: predictions and targets are one row an instance, nothing is ignored."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmengine.utils.errors import ConfigError
from mmseg.models.losses.cross_entropy_loss import CrossEntropyLoss
from mmseg.models.losses.dice_loss import DiceLoss
from mmseg.models.losses.focal_loss import py_sigmoid_focal_loss


class MaskCrossEntropyLoss(CrossEntropyLoss):
    """Cross entropy of `(N, C)` with labels `(N,)`, or by sigmoid with targets of the same shape.

    Args:
        ignore_index: a label that adds nothing.
    """

    def __init__(
        self,
        use_sigmoid: bool = False,
        use_mask: bool = False,
        reduction: str = 'mean',
        class_weight: Sequence[float] | None = None,
        ignore_index: int | None = None,
        loss_weight: float = 1.0,
        avg_non_ignore: bool = False,
    ) -> None:
        super().__init__(
            use_sigmoid=use_sigmoid,
            use_mask=use_mask,
            reduction=reduction,
            class_weight=class_weight,
            loss_weight=loss_weight,
            avg_non_ignore=avg_non_ignore,
        )
        self.ignore_index = ignore_index

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
        ignore_index: int | None = None,
        **kwargs: Any,
    ) -> Tensor:
        if ignore_index is None:
            ignore_index = self.ignore_index
        if ignore_index is None and not self.use_mask:
            ignore_index = -100
        return super().forward(cls_score, label, weight, avg_factor, reduction_override, ignore_index, **kwargs)


class MaskFocalLoss(nn.Module):
    """Sigmoid focal loss of `(N, C)`, with targets of that shape or labels `(N,)`, where label C is the background."""

    def __init__(
        self,
        use_sigmoid: bool = True,
        gamma: float = 2.0,
        alpha: float = 0.25,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        activated: bool = False,
    ) -> None:
        super().__init__()
        if not use_sigmoid or activated:
            raise ConfigError('FocalLoss takes logits and applies the sigmoid: use_sigmoid=True, activated=False.')
        self.use_sigmoid = use_sigmoid
        self.gamma = gamma
        self.alpha = alpha
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        if pred.ndim != target.ndim:
            classes = pred.shape[1]
            target = F.one_hot(target.long(), classes + 1)[:, :classes]
        loss = py_sigmoid_focal_loss(
            pred,
            target,
            weight=weight,
            gamma=self.gamma,
            alpha=self.alpha,
            reduction=reduction_override or self.reduction,
            avg_factor=avg_factor,
        )
        return self.loss_weight * loss


class MaskDiceLoss(DiceLoss):
    """Dice loss of masks `(N, *)`, one value an instance, with targets of the same shape."""

    def __init__(
        self,
        use_sigmoid: bool = True,
        activate: bool = True,
        reduction: str = 'mean',
        naive_dice: bool = False,
        loss_weight: float = 1.0,
        eps: float = 1e-3,
    ) -> None:
        if activate and not use_sigmoid:
            raise ConfigError('DiceLoss of instances applies the sigmoid only: use_sigmoid=True or activate=False.')
        super().__init__(
            use_sigmoid=use_sigmoid,
            activate=activate,
            reduction=reduction,
            naive_dice=naive_dice,
            loss_weight=loss_weight,
            ignore_index=None,
            eps=eps,
        )

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
        ignore_index: int | None = None,
        **kwargs: Any,
    ) -> Tensor:
        return super().forward(pred, target, weight, avg_factor, reduction_override, ignore_index, **kwargs)
