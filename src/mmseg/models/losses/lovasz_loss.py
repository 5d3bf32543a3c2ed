"""Lovász hinge and Lovász softmax (Berman et al., The Lovász-Softmax loss).

Ignored pixels are not cut out, which would wait for the device: they get an error of zero, and so add nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmengine.utils.errors import ConfigError
from mmseg.models.losses.utils import class_weight_tensor, get_class_weight, weight_reduce_loss
from mmseg.registry import MODELS


def lovasz_grad(gt_sorted: Tensor) -> Tensor:
    """Gradient of the Jaccard extension (algorithm 1); `gt_sorted (P,)`: the truth, in order of decreasing error."""
    total = gt_sorted.sum()
    intersection = total - gt_sorted.cumsum(0)
    union = total + (1 - gt_sorted).cumsum(0)
    jaccard = 1 - intersection / union
    return torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])


def _valid(labels: Tensor, ignore_index: int | None) -> Tensor:
    return torch.ones_like(labels, dtype=torch.bool) if ignore_index is None else labels != ignore_index


def _per_image(
    function: Callable[[Tensor, Tensor], Tensor],
    scores: Tensor,
    labels: Tensor,
    per_image: bool,
    reduction: str,
    avg_factor: float | Tensor | None,
) -> Tensor:
    if not per_image:
        return function(scores, labels)
    losses = [function(score[None], label[None]) for score, label in zip(scores, labels, strict=True)]
    return weight_reduce_loss(torch.stack(losses), None, reduction, avg_factor)


def lovasz_hinge(
    logits: Tensor,
    labels: Tensor,
    classes: Any = 'present',
    per_image: bool = False,
    class_weight: Any = None,
    reduction: str = 'mean',
    avg_factor: float | Tensor | None = None,
    ignore_index: int | None = 255,
) -> Tensor:
    """Binary loss of `logits (N, H, W)` or `(N, 1, H, W)` against labels 0 and 1."""

    def flat(logit: Tensor, label: Tensor) -> Tensor:
        valid = _valid(label, ignore_index).flatten()
        truth = (label.flatten() * valid).float()
        errors = (1 - logit.flatten() * (2 * truth - 1)) * valid
        errors, order = errors.sort(descending=True)
        return torch.dot(errors.relu(), lovasz_grad(truth[order]))

    return _per_image(flat, logits, labels, per_image, reduction, avg_factor)


def lovasz_softmax(
    probs: Tensor,
    labels: Tensor,
    classes: str | Sequence[int] = 'present',
    per_image: bool = False,
    class_weight: Any = None,
    reduction: str = 'mean',
    avg_factor: float | Tensor | None = None,
    ignore_index: int | None = 255,
) -> Tensor:
    """Mean over classes of the loss of `probs (N, C, H, W)` against `labels (N, H, W)`.

    Args:
        classes: `'present'` in the labels, `'all'`, or a list.
        per_image: Compute each image by itself, and reduce.
    """

    def flat(prob: Tensor, label: Tensor) -> Tensor:
        channels = prob.transpose(0, 1).flatten(1)
        label = label.flatten()
        valid = _valid(label, ignore_index)
        losses, counted = [], []
        for channel in range(len(channels)) if isinstance(classes, str) else classes:
            truth = ((label == channel) & valid).float()
            errors, order = ((truth - channels[channel]).abs() * valid).sort(descending=True)
            loss = torch.dot(errors, lovasz_grad(truth[order]).to(errors))
            losses.append(loss if class_weight is None else loss * class_weight[channel])
            counted.append(truth.any() if classes == 'present' else torch.ones_like(loss, dtype=torch.bool))
        mask = torch.stack(counted)
        return torch.where(mask, torch.stack(losses), 0).sum() / mask.sum().clamp(min=1)

    return _per_image(flat, probs, labels, per_image, reduction, avg_factor)


@MODELS.register_module()
class LovaszLoss(nn.Module):
    """Lovász loss.

    Args:
        loss_type: `'multi_class'` (softmax) or `'binary'` (hinge).
        classes, per_image: See `lovasz_softmax`. Without `per_image` there is one value and nothing to reduce.
    """

    _class_weight: Tensor | None

    def __init__(
        self,
        loss_type: str = 'multi_class',
        classes: str | Sequence[int] = 'present',
        per_image: bool = False,
        reduction: str = 'mean',
        class_weight: Sequence[float] | str | None = None,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_lovasz',
    ) -> None:
        super().__init__()
        if loss_type not in ('binary', 'multi_class'):
            raise ConfigError(f"loss_type of LovaszLoss should be 'binary' or 'multi_class', but is {loss_type!r}.")
        if isinstance(classes, str) and classes not in ('all', 'present'):
            raise ConfigError(f"classes of LovaszLoss should be 'all', 'present' or a list, but is {classes!r}.")
        self.cls_criterion: Any = lovasz_hinge if loss_type == 'binary' else lovasz_softmax
        self.loss_type = loss_type
        self.classes = classes
        self.per_image = per_image
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.class_weight = get_class_weight(class_weight)
        self.register_buffer('_class_weight', class_weight_tensor(self.class_weight), persistent=False)
        self._loss_name = loss_name

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """`cls_score` are logits `(N, C, H, W)`, `label (N, H, W)`; `weight` is not used."""
        if self.loss_type == 'multi_class':
            cls_score = cls_score.softmax(dim=1)
        return self.loss_weight * self.cls_criterion(
            cls_score,
            label,
            self.classes,
            self.per_image,
            class_weight=self._class_weight,
            reduction=reduction_override or self.reduction,
            avg_factor=avg_factor,
            **kwargs,
        )

    @property
    def loss_name(self) -> str:
        return self._loss_name
