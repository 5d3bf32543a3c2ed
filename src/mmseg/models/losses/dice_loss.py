"""Dice loss."""

from typing import Any

import torch
from torch import Tensor, nn

from mmseg.models.losses.utils import one_hot_labels, weight_reduce_loss
from mmseg.registry import MODELS


def dice_loss(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    eps: float = 1e-3,
    reduction: str = 'mean',
    naive_dice: bool | None = False,
    avg_factor: float | Tensor | None = None,
    ignore_index: int | None = 255,
) -> Tensor:
    """One minus the Dice coefficient of each sample, over all classes and pixels together.

    Args:
        pred: Probabilities `(N, C, *)`.
        target: One-hot targets of the same shape.
        weight: `(N,)`.
        naive_dice: Sums in the denominator instead of sums of squares (Milletari et al., V-Net, section 3, squares).
        ignore_index: A class that is left out.
    """
    num_classes = pred.shape[1]
    if ignore_index is not None and 0 <= ignore_index < num_classes:
        kept = [channel for channel in range(num_classes) if channel != ignore_index]
        if not kept:
            raise ValueError(f'dice_loss leaves out the only class (ignore_index={ignore_index}).')
        pred, target = pred[:, kept], target[:, kept]
    pred = pred.flatten(1)
    target = target.flatten(1).float()
    overlap = (pred * target).sum(1)
    if naive_dice:
        score = (2 * overlap + eps) / (pred.sum(1) + target.sum(1) + eps)
    else:
        score = 2 * overlap / (pred.square().sum(1) + target.square().sum(1) + 2 * eps)
    return weight_reduce_loss(1 - score, weight, reduction, avg_factor)


@MODELS.register_module()
class DiceLoss(nn.Module):
    """Dice loss.

    Args:
        use_sigmoid: Probabilities by sigmoid rather than softmax.
        activate: Apply either of them; off if the scores are probabilities already.
        ignore_index: A label that belongs to no class.
    """

    def __init__(
        self,
        use_sigmoid: bool = True,
        activate: bool = True,
        reduction: str = 'mean',
        naive_dice: bool = False,
        loss_weight: float = 1.0,
        ignore_index: int | None = 255,
        eps: float = 1e-3,
        loss_name: str = 'loss_dice',
    ) -> None:
        super().__init__()
        self.use_sigmoid = use_sigmoid
        self.activate = activate
        self.reduction = reduction
        self.naive_dice = naive_dice
        self.loss_weight = loss_weight
        self.ignore_index = ignore_index
        self.eps = eps
        self._loss_name = loss_name

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
        ignore_index: int | None = 255,
        **kwargs: Any,
    ) -> Tensor:
        """`pred` are logits `(N, C, *)`, `target` labels `(N, *)` or one-hot; ignored pixels have no class."""
        if pred.shape != target.shape:
            valid = torch.ones_like(target, dtype=torch.bool)
            for ignored in {self.ignore_index, ignore_index} - {None}:
                valid &= target != ignored
            target = one_hot_labels(target, valid, pred.shape[1], torch.float32)
        if self.activate:
            if self.use_sigmoid:
                pred = pred.sigmoid()
            elif pred.shape[1] != 1:  # softmax over one class would be constant
                pred = pred.softmax(dim=1)
        return self.loss_weight * dice_loss(
            pred,
            target,
            weight,
            eps=self.eps,
            reduction=reduction_override or self.reduction,
            naive_dice=self.naive_dice,
            avg_factor=avg_factor,
            ignore_index=self.ignore_index,
        )

    @property
    def loss_name(self) -> str:
        return self._loss_name
