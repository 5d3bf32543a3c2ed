"""Tversky loss."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmengine.utils.errors import ConfigError
from mmseg.models.losses.utils import class_weight_tensor, get_class_weight, one_hot_labels
from mmseg.registry import MODELS


@MODELS.register_module()
class TverskyLoss(nn.Module):
    """One minus the Tversky index of softmax probabilities, averaged over classes and samples.

    Salehi et al., Tversky loss function for image segmentation, equation 3.

    Args:
        smooth: Added to numerator and denominator.
        ignore_index: A label that belongs to no class; also a class that is left out.
        alpha, beta: Weights of false positives and false negatives, summing to 1.
    """

    _class_weight: Tensor | None

    def __init__(
        self,
        smooth: float = 1,
        class_weight: Sequence[float] | str | None = None,
        loss_weight: float = 1.0,
        ignore_index: int = 255,
        alpha: float = 0.3,
        beta: float = 0.7,
        loss_name: str = 'loss_tversky',
    ) -> None:
        super().__init__()
        if abs(alpha + beta - 1) > 1e-6:
            raise ConfigError(f'alpha and beta of TverskyLoss should sum to 1, but are {alpha} and {beta}.')
        self.smooth = smooth
        self.class_weight = get_class_weight(class_weight)
        self.register_buffer('_class_weight', class_weight_tensor(self.class_weight), persistent=False)
        self.loss_weight = loss_weight
        self.ignore_index = ignore_index
        self.alpha = alpha
        self.beta = beta
        self._loss_name = loss_name

    def forward(self, pred: Tensor, target: Tensor, ignore_index: int = 255, **kwargs: Any) -> Tensor:
        """`pred` are logits `(N, C, *)`, `target` labels `(N, *)`; the head's `ignore_index` has no class either."""
        num_classes = pred.shape[1]
        probs = pred.softmax(dim=1)
        valid = target != self.ignore_index
        known = valid & (target != ignore_index)
        truth = one_hot_labels(target, known, num_classes, probs.dtype)
        probs, truth, mask = probs.flatten(2), truth.flatten(2), valid.flatten(1).unsqueeze(1)
        hit = (probs * truth).sum(2)
        false_positive = (probs * (1 - truth) * mask).sum(2)
        false_negative = ((1 - probs) * truth).sum(2)
        index = (hit + self.smooth) / (hit + self.alpha * false_positive + self.beta * false_negative + self.smooth)
        loss = (1 - index).mean(0)  # (C,)
        if self._class_weight is not None:
            loss = loss * self._class_weight
        if 0 <= self.ignore_index < num_classes:
            loss = loss[[channel for channel in range(num_classes) if channel != self.ignore_index]]
        return self.loss_weight * loss.sum() / num_classes

    @property
    def loss_name(self) -> str:
        return self._loss_name
