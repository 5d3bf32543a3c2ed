"""Overlaps and suppression of boxes of a scene: x, y, z of the centre, sizes along these, angle about z."""

from __future__ import annotations

import torch

from mmcv.ops.polygons import box_corners, greedy_nms, overlap

_FLAT = [0, 1, 3, 4, 6]


def boxes_iou3d(boxes_a: torch.Tensor, boxes_b: torch.Tensor) -> torch.Tensor:
    """Intersection over union in space `(N, M)` of boxes `(N, 7)` and `(M, 7)`. Without gradients."""
    corners_a, corners_b = box_corners(boxes_a[:, _FLAT]), box_corners(boxes_b[:, _FLAT])
    area = overlap(corners_a, corners_b, 'iof') * (boxes_a[:, 3] * boxes_a[:, 4])[:, None]
    (low_a, high_a), (low_b, high_b) = (
        (boxes[:, 2] - boxes[:, 5] / 2, boxes[:, 2] + boxes[:, 5] / 2) for boxes in (boxes_a, boxes_b)
    )
    height = (torch.minimum(high_a[:, None], high_b) - torch.maximum(low_a[:, None], low_b)).clamp(min=0)
    inter = area * height
    volume_a, volume_b = boxes_a[:, 3:6].prod(1), boxes_b[:, 3:6].prod(1)
    return inter / (volume_a[:, None] + volume_b - inter).clamp(min=1e-6)


def _suppress(corners: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    return greedy_nms(scores.detach(), lambda i, j: overlap(corners[i], corners[j]) > iou_threshold)


def nms3d(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Indices of the boxes `(N, 7)` that survive `nms` as seen from above, in falling order of score."""
    return _suppress(box_corners(boxes.detach()[:, _FLAT]), scores, iou_threshold)


def nms3d_normal(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """`nms3d` without regard to angles."""
    flat = boxes.detach()[:, _FLAT] * boxes.new_tensor([1, 1, 1, 1, 0])
    return _suppress(box_corners(flat), scores, iou_threshold)
