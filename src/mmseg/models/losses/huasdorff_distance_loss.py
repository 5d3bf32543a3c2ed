"""Loss that grows with the distance from the contours."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from mmseg.models.losses.utils import class_weight_tensor, get_class_weight, one_hot_labels, weight_reduce_loss
from mmseg.registry import MODELS


def compute_dtm(masks: Tensor) -> Tensor:
    """Distance of each pixel inside a mask to the outside, in pixels.

    Args:
        masks: bool `(N, C, H, W)`. They are read on the CPU: the device is waited for.

    Returns:
        float32 of that shape and device; 0 outside, and everywhere if a mask has no outside.
    """
    planes = masks.detach().cpu().numpy().astype(np.uint8)
    distances = np.zeros(planes.shape, np.float32)
    for index in np.ndindex(*planes.shape[:2]):
        if not planes[index].all():
            distances[index] = cv2.distanceTransform(planes[index], cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return torch.from_numpy(distances).to(masks.device)


def hd_loss(
    seg_soft: Tensor,
    gt: Tensor,
    seg_dtm: Tensor,
    gt_dtm: Tensor,
    class_weight: Tensor | None = None,
    valid: Tensor | None = None,
) -> Tensor:
    """Squared errors, weighted by both squared distances (Karimi & Salcudean, arXiv:1904.10030, equation 8).

    Args:
        seg_soft: probabilities `(N, C, H, W)`; class 0 is the background, which is left out.
        gt: one-hot targets of that shape.
        seg_dtm, gt_dtm: distances of that shape, see `compute_dtm`.
        class_weight: `(C,)`.
        valid: bool `(N, H, W)`, the pixels that count.

    Returns:
        `(N,)`, the mean over pixels, summed over the classes and divided by C.
    """
    error = (seg_soft - gt).square() * (seg_dtm.square() + gt_dtm.square())
    if valid is not None:
        error = error * valid.unsqueeze(1)
    per_class = error.flatten(2).mean(2)
    if class_weight is not None:
        per_class = per_class * class_weight
    return per_class[:, 1:].sum(1) / seg_soft.shape[1]


@MODELS.register_module()
class HausdorffDistanceLoss(nn.Module):
    """Hausdorff distance loss by distance transforms (Karimi & Salcudean, arXiv:1904.10030)."""

    _class_weight: Tensor | None

    def __init__(
        self,
        reduction: str = 'mean',
        class_weight: Sequence[float] | str | None = None,
        loss_weight: float = 1.0,
        ignore_index: int = 255,
        loss_name: str = 'loss_huasdorff_disstance',
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.class_weight = get_class_weight(class_weight)
        self.register_buffer('_class_weight', class_weight_tensor(self.class_weight), persistent=False)
        self.ignore_index = ignore_index
        self._loss_name = loss_name

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Logits `(N, C, H, W)` and labels `(N, H, W)`; ignored pixels belong to no class and do not count."""
        probs = pred.softmax(dim=1)
        valid = target != self.ignore_index
        truth = one_hot_labels(target, valid, pred.shape[1], probs.dtype)
        with torch.no_grad():
            decided = one_hot_labels(probs.argmax(dim=1), torch.ones_like(valid), pred.shape[1], probs.dtype)
            seg_dtm, gt_dtm = compute_dtm(decided.bool()), compute_dtm(truth.bool())
        loss = hd_loss(probs, truth, seg_dtm, gt_dtm, self._class_weight, valid)
        return self.loss_weight * weight_reduce_loss(
            loss, reduction=reduction_override or self.reduction, avg_factor=avg_factor
        )

    @property
    def loss_name(self) -> str:
        return self._loss_name


@MODELS.register_module()
class HuasdorffDisstanceLoss(HausdorffDistanceLoss):
    """`HausdorffDistanceLoss` as existing configs spell it."""
