"""Matching as detection code has it: an assignment, and the samples that follow from it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmengine.structures import InstanceData
from mmseg.models.assigners import HungarianAssigner


@dataclass
class AssignResult:
    """Which instance each of Q predictions learns.

    Attributes:
        num_gts: number of true instances.
        gt_inds: `(Q,)` int64: 0 for none, else the index of the instance plus 1.
        labels: `(Q,)` int64: the class, -1 for none.
    """

    num_gts: int
    gt_inds: Tensor
    max_overlaps: Tensor | None
    labels: Tensor


class MaskHungarianAssigner(HungarianAssigner):
    """`HungarianAssigner` whose result is an `AssignResult`."""

    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        img_meta: dict | None = None,
        **kwargs: Any,
    ) -> AssignResult:
        rows, columns = super().assign(pred_instances, gt_instances, img_meta=img_meta)
        labels: Tensor = gt_instances['labels']
        gt_inds = labels.new_zeros(len(pred_instances))
        gt_inds[rows] = columns + 1
        assigned = labels.new_full((len(pred_instances),), -1)
        assigned[rows] = labels[columns]
        return AssignResult(len(gt_instances), gt_inds, None, assigned)


class MaskSamplingResult:
    """The predictions that have an instance, and those that have none.

    Attributes:
        pos_inds, neg_inds: indices of predictions, rising.
        pos_assigned_gt_inds: the instances of `pos_inds`.
        avg_factor: their number, at least 1.
    """

    def __init__(self, pos_inds: Tensor, neg_inds: Tensor, gt_inds: Tensor, gt_masks: Tensor) -> None:
        self.pos_inds = pos_inds
        self.neg_inds = neg_inds
        self.pos_assigned_gt_inds = gt_inds[pos_inds] - 1
        self.pos_gt_masks = gt_masks[self.pos_assigned_gt_inds]
        self.avg_factor = max(len(pos_inds), 1)


class MaskPseudoSampler:
    """Takes all predictions."""

    def __init__(self, **kwargs: Any) -> None:
        pass

    def sample(
        self, assign_result: AssignResult, pred_instances: InstanceData, gt_instances: InstanceData, **kwargs: Any
    ) -> MaskSamplingResult:
        taken = assign_result.gt_inds > 0
        pos_inds, neg_inds = torch.nonzero(taken).flatten(), torch.nonzero(~taken).flatten()
        return MaskSamplingResult(pos_inds, neg_inds, assign_result.gt_inds, gt_instances['masks'])
