"""Focal loss (RetinaNet, arXiv:1708.02002)."""

import torch
from torch import nn
from torch.nn import functional as F


def sigmoid_focal_loss(
    input: torch.Tensor,
    target: torch.Tensor,
    gamma: float = 2.0,
    alpha: float = 0.25,
    weight: torch.Tensor | None = None,
    reduction: str = 'mean',
) -> torch.Tensor:
    """Binary focal loss for each class.

    Args:
        input: logits `(N, C)`.
        target: classes `(N,)` int64; C is none of them (background).
        gamma: exponent of the probability of being wrong.
        alpha: weight of the right class; the others have `1 - alpha`.
        weight: `(C,)`, a weight for samples of each class; background has 1.
        reduction: `none`, `sum`, or `mean`, which divides by N (not N * C).
    """
    if reduction not in ('none', 'mean', 'sum'):
        raise ValueError(f"reduction should be 'none', 'mean' or 'sum', but got {reduction!r}")
    if input.ndim != 2 or target.shape != input.shape[:1]:
        raise ValueError(
            f'input should be (N, C) and target (N,), but got {tuple(input.shape)} and {tuple(target.shape)}'
        )
    classes = input.shape[1]
    right = target[:, None] == torch.arange(classes, device=target.device)
    signed = torch.where(right, input, -input)  # probability of this answer: sigmoid(signed)
    loss = -F.logsigmoid(signed) * torch.sigmoid(-signed) ** gamma * torch.where(right, alpha, 1 - alpha)
    if weight is not None:
        loss = loss * F.pad(weight, (0, 1), value=1.0)[target][:, None]
    if reduction == 'none':
        return loss
    return loss.sum() if reduction == 'sum' else loss.sum() / max(len(input), 1)


class SigmoidFocalLoss(nn.Module):
    """See `sigmoid_focal_loss`; the weight of classes is the buffer `weight`."""

    weight: torch.Tensor | None

    def __init__(self, gamma: float, alpha: float, weight: torch.Tensor | None = None, reduction: str = 'mean') -> None:
        super().__init__()
        self.gamma = gamma
        self.alpha = alpha
        self.register_buffer('weight', weight)
        self.reduction = reduction

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return sigmoid_focal_loss(input, target, self.gamma, self.alpha, self.weight, self.reduction)

    def extra_repr(self) -> str:
        return f'gamma={self.gamma}, alpha={self.alpha}, reduction={self.reduction}'
