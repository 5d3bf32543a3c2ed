"""Loss of depth maps that forgives a wrong scale."""

from typing import Any

import torch
from torch import Tensor, nn

from mmengine.utils.errors import ConfigError
from mmseg.models.losses.utils import weight_reduce_loss
from mmseg.registry import MODELS


def silog_loss(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    eps: float = 1e-4,
    reduction: str | None = 'mean',
    avg_factor: float | Tensor | None = None,
) -> Tensor:
    """Scale-invariant error of logarithms (Eigen et al., arXiv:1406.2283, equation 4), a root for each map.

    Args:
        pred, target: depth `(N, *)`; pixels whose target is not positive do not count.
        weight: `(N,)`.
        eps: depth below this counts as this.
    """
    pred, target = pred.flatten(1), target.flatten(1)
    valid = target > eps
    count = valid.sum(1).clamp(min=1)
    difference = (target.clamp(min=eps).log() - pred.clamp(min=eps).log()).masked_fill(~valid, 0.0)
    mean, mean_square = difference.sum(1) / count, difference.square().sum(1) / count
    inside = mean_square - 0.5 * mean.square()
    # A map without depth, or one that is met exactly, has no gradient rather than an infinite one.
    positive = inside > 0
    loss = torch.where(positive, torch.where(positive, inside, 1.0).sqrt(), 0.0)
    return weight_reduce_loss(loss, weight, reduction or 'mean', avg_factor)


@MODELS.register_module()
class SiLogLoss(nn.Module):
    """`silog_loss` as a module."""

    def __init__(
        self, reduction: str = 'mean', loss_weight: float = 1.0, eps: float = 1e-6, loss_name: str = 'loss_silog'
    ) -> None:
        super().__init__()
        if reduction not in ('none', 'mean', 'sum'):
            raise ConfigError(f"reduction of SiLogLoss should be 'none', 'mean' or 'sum', but is {reduction!r}.")
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.eps = eps
        self._loss_name = loss_name

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Depth maps `(N, *)`, predicted and true."""
        loss = silog_loss(pred, target, weight, self.eps, reduction_override or self.reduction, avg_factor)
        return self.loss_weight * loss

    @property
    def loss_name(self) -> str:
        return self._loss_name
