"""Costs of matching predicted masks to true ones."""

from abc import ABCMeta, abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmengine.structures import InstanceData
from mmengine.utils.errors import ConfigError
from mmseg.registry import TASK_UTILS


class BaseMatchCost(metaclass=ABCMeta):
    """A cost, times `weight`, of each of Q predictions with each of G true instances."""

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    @abstractmethod
    def __call__(
        self, pred_instances: InstanceData, gt_instances: InstanceData, img_meta: dict | None = None, **kwargs: Any
    ) -> Tensor:
        """Costs `(Q, G)`.

        Args:
            pred_instances: `scores (Q, C)` logits of classes, `masks (Q, *)` logits of pixels or points.
            gt_instances: `labels (G,)` int64, `masks (G, *)` of 0 and 1.
        """


@TASK_UTILS.register_module()
class ClassificationCost(BaseMatchCost):
    """Minus the probability of the true class (Carion et al., DETR, section 3.1)."""

    def __call__(
        self, pred_instances: InstanceData, gt_instances: InstanceData, img_meta: dict | None = None, **kwargs: Any
    ) -> Tensor:
        return -pred_instances['scores'].softmax(-1)[:, gt_instances['labels']] * self.weight


def _pairwise(positive: Tensor, negative: Tensor, target: Tensor) -> Tensor:
    """Mean over pixels of `positive (Q, P)` where `target (G, P)` is 1, of `negative` where it is 0: `(Q, G)`."""
    return (positive @ target.T + negative @ (1 - target).T) / target.shape[1]


def _flat_masks(pred_instances: InstanceData, gt_instances: InstanceData) -> tuple[Tensor, Tensor]:
    return pred_instances['masks'].flatten(1).float(), gt_instances['masks'].flatten(1).float()


@TASK_UTILS.register_module()
class CrossEntropyLossCost(BaseMatchCost):
    """Binary cross entropy of the masks, averaged over the pixels."""

    def __init__(self, use_sigmoid: bool = True, weight: float = 1.0) -> None:
        super().__init__(weight)
        if not use_sigmoid:
            raise ConfigError('CrossEntropyLossCost compares masks, by sigmoid; set use_sigmoid=True.')
        self.use_sigmoid = use_sigmoid

    def __call__(
        self, pred_instances: InstanceData, gt_instances: InstanceData, img_meta: dict | None = None, **kwargs: Any
    ) -> Tensor:
        pred, target = _flat_masks(pred_instances, gt_instances)
        return _pairwise(F.softplus(-pred), F.softplus(pred), target) * self.weight


@TASK_UTILS.register_module()
class FocalLossCost(BaseMatchCost):
    """Focal loss of the classes by sigmoid, or with `binary_input` of the masks, averaged over the pixels."""

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2,
        eps: float = 1e-12,
        binary_input: bool = False,
        weight: float = 1.0,
    ) -> None:
        super().__init__(weight)
        self.alpha = alpha
        self.gamma = gamma
        self.eps = eps
        self.binary_input = binary_input

    def _terms(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The loss if the target is 1, and if it is 0."""
        probs = logits.sigmoid()
        positive = -(probs + self.eps).log() * self.alpha * (1 - probs).pow(self.gamma)
        negative = -(1 - probs + self.eps).log() * (1 - self.alpha) * probs.pow(self.gamma)
        return positive, negative

    def __call__(
        self, pred_instances: InstanceData, gt_instances: InstanceData, img_meta: dict | None = None, **kwargs: Any
    ) -> Tensor:
        if self.binary_input:
            pred, target = _flat_masks(pred_instances, gt_instances)
            return _pairwise(*self._terms(pred), target) * self.weight
        positive, negative = self._terms(pred_instances['scores'])
        return (positive - negative)[:, gt_instances['labels']] * self.weight


@TASK_UTILS.register_module()
class DiceCost(BaseMatchCost):
    """Dice loss of the masks.

    Args:
        pred_act: whether the masks are logits, which go through a sigmoid.
        naive_dice: sums in the denominator instead of sums of squares.
    """

    def __init__(self, pred_act: bool = False, eps: float = 1e-3, naive_dice: bool = True, weight: float = 1.0) -> None:
        super().__init__(weight)
        self.pred_act = pred_act
        self.eps = eps
        self.naive_dice = naive_dice

    def __call__(
        self, pred_instances: InstanceData, gt_instances: InstanceData, img_meta: dict | None = None, **kwargs: Any
    ) -> Tensor:
        pred, target = _flat_masks(pred_instances, gt_instances)
        if self.pred_act:
            pred = pred.sigmoid()
        overlap = 2 * pred @ target.T
        if self.naive_dice:
            total = pred.sum(-1)[:, None] + target.sum(-1)[None]
        else:
            total = pred.square().sum(-1)[:, None] + target.square().sum(-1)[None]
        return (1 - (overlap + self.eps) / (total + self.eps)) * self.weight


def total_cost(
    costs: list[Any], pred_instances: InstanceData, gt_instances: InstanceData, img_meta: dict | None
) -> Tensor:
    """The sum of all costs, `(Q, G)`."""
    parts = [cost(pred_instances=pred_instances, gt_instances=gt_instances, img_meta=img_meta) for cost in costs]
    return torch.stack(parts).sum(0)
