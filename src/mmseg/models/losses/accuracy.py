"""Pixel accuracy."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def accuracy(
    pred: Tensor,
    target: Tensor,
    topk: int | Sequence[int] = 1,
    thresh: float | None = None,
    ignore_index: int | None = None,
) -> Any:
    """Share of targets that are among the `topk` highest scores, in percent.

    Args:
        pred: Scores `(N, C, *)`.
        target: Labels `(N, *)`.
        thresh: A prediction counts only if its score is above.
        ignore_index: Label that is left out.

    Returns:
        A tensor of shape `(1,)`, or a list of them for a sequence `topk`.
    """
    ks = (topk,) if isinstance(topk, int) else tuple(topk)
    if pred.shape[0] == 0:
        results = [pred.new_zeros(()) for _ in ks]
        return results[0] if isinstance(topk, int) else results
    if pred.shape[0] != target.shape[0] or pred.shape[2:] != target.shape[1:]:
        raise ValueError(f'Scores {tuple(pred.shape)} and labels {tuple(target.shape)} do not match.')
    if max(ks) > pred.shape[1]:
        raise ValueError(f'topk {max(ks)} exceeds the {pred.shape[1]} classes.')

    if max(ks) == 1:  # much faster than a sort
        values, indices = pred.max(dim=1, keepdim=True)
    else:
        values, indices = pred.topk(max(ks), dim=1)
    correct = indices == target.unsqueeze(1)
    if thresh is not None:
        correct &= values > thresh
    eps = torch.finfo(torch.float32).eps
    total: float | Tensor = target.numel() + eps
    if ignore_index is not None:
        valid = target != ignore_index
        correct &= valid.unsqueeze(1)
        total = valid.sum() + eps
    results = [correct[:, :k].sum().reshape(1) * 100.0 / total for k in ks]
    return results[0] if isinstance(topk, int) else results


class Accuracy(nn.Module):
    """`accuracy` as a module."""

    def __init__(
        self, topk: int | Sequence[int] = (1,), thresh: float | None = None, ignore_index: int | None = None
    ) -> None:
        super().__init__()
        self.topk = topk
        self.thresh = thresh
        self.ignore_index = ignore_index

    def forward(self, pred: Tensor, target: Tensor) -> Any:
        return accuracy(pred, target, self.topk, self.thresh, self.ignore_index)
