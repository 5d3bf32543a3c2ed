"""Online hard example mining over pixels (Shrivastava et al., 2016)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmseg.registry import TASK_UTILS

from .base_pixel_sampler import BasePixelSampler


@TASK_UTILS.register_module()
class OHEMPixelSampler(BasePixelSampler):
    """Keeps the hardest pixels.

    Args:
        context: the decode head, for its `ignore_index` and `loss_decode`.
        thresh: keep the pixels whose probability of the label is below this, and at least `min_kept` an image.
            None: keep those `min_kept` an image with the largest loss.
        min_kept: on average over the images of the batch.
    """

    def __init__(self, context: Any, thresh: float | None = None, min_kept: int = 100000) -> None:
        super().__init__()
        if min_kept <= 1:
            raise ValueError(f'min_kept should be greater than 1, but got {min_kept}')
        self.context = context
        self.thresh = thresh
        self.min_kept = min_kept

    @torch.no_grad()
    def sample(self, seg_logit: Tensor, seg_label: Tensor) -> Tensor:
        """Weights 0 or 1 `(N, H, W)` from logits `(N, C, H, W)` and labels `(N, 1, H, W)`."""
        label = seg_label.squeeze(1).long()
        valid = label != self.context.ignore_index
        kept = self.min_kept * len(label)
        if self.thresh is not None:
            chosen = self._below_threshold(seg_logit, label, valid, kept)
        else:
            chosen = self._largest_losses(seg_logit, label, valid, kept)
        return (chosen & valid).to(seg_logit.dtype)

    def _below_threshold(self, seg_logit: Tensor, label: Tensor, valid: Tensor, kept: int) -> Tensor:
        probability = F.softmax(seg_logit, dim=1)
        probability = probability.gather(1, label.where(valid, 0).unsqueeze(1)).squeeze(1)
        # Ignored pixels go to the end, so that the place of the threshold is found without waiting for their number.
        ordered = probability.where(valid, torch.inf).flatten().sort().values
        place = (valid.sum() - 1).clamp(min=0, max=kept)
        return probability < ordered.gather(0, place.view(1)).clamp(min=self.thresh)

    def _largest_losses(self, seg_logit: Tensor, label: Tensor, valid: Tensor, kept: int) -> Tensor:
        modules = self.context.loss_decode
        losses = sum(
            module(seg_logit, label, weight=None, ignore_index=self.context.ignore_index, reduction_override='none')
            for module in (modules if isinstance(modules, torch.nn.ModuleList) else [modules])
        )
        ordered = losses.where(valid, -torch.inf).flatten()
        chosen = torch.zeros_like(ordered, dtype=torch.bool)
        chosen[ordered.topk(min(kept, ordered.numel())).indices] = True
        return chosen.view_as(label)


__all__ = ['OHEMPixelSampler']
