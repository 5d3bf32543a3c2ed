"""Loss of a predicted boundary map."""

import torch.nn.functional as F
from torch import Tensor, nn

from mmseg.registry import MODELS


@MODELS.register_module()
class BoundaryLoss(nn.Module):
    """Sigmoid cross entropy that weighs boundary and other pixels by each other's share (as in PIDNet)."""

    def __init__(self, loss_weight: float = 1.0, loss_name: str = 'loss_boundary') -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self._loss_name = loss_name

    def forward(self, bd_pre: Tensor, bd_gt: Tensor) -> Tensor:
        """`bd_pre` logits `(N, 1, H, W)`, `bd_gt (N, H, W)` or `(N, 1, H, W)` with 1 at boundaries."""
        logits = bd_pre.permute(0, 2, 3, 1).flatten()
        truth = bd_gt.flatten().float()
        positive, negative = truth == 1, truth == 0
        num_positive, num_negative = positive.sum(), negative.sum()
        total = num_positive + num_negative
        weight = (positive * num_negative + negative * num_positive) / total
        return self.loss_weight * F.binary_cross_entropy_with_logits(logits, truth, weight)

    @property
    def loss_name(self) -> str:
        return self._loss_name
