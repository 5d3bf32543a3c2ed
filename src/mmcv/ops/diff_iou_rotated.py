"""Overlaps of rotated boxes with gradients."""

import torch
from torch import Tensor

from mmcv.ops.polygons import box_corners, intersection


def box2corners(box: Tensor) -> Tensor:
    """Corners `(B, N, 4, 2)` of boxes `(B, N, 5)`: centre x, y, width, height, angle in radians."""
    return box_corners(box)


def oriented_box_intersection_2d(corners1: Tensor, corners2: Tensor) -> tuple[Tensor, Tensor]:
    """Areas `(B, N)` of the intersections of boxes given by corners `(B, N, 4, 2)`, and their corners `(B, N, 24, 2)`,
    in order, of which repeated ones mean nothing.
    """
    return intersection(corners1, corners2)


def diff_iou_rotated_2d(box1: Tensor, box2: Tensor) -> Tensor:
    """Intersection over union `(B, N)` of aligned boxes `(B, N, 5)`: centre x, y, width, height, angle."""
    inter = intersection(box_corners(box1), box_corners(box2))[0]
    return inter / (box1[..., 2] * box1[..., 3] + box2[..., 2] * box2[..., 3] - inter)


def diff_iou_rotated_3d(box3d1: Tensor, box3d2: Tensor) -> Tensor:
    """Intersection over union `(B, N)` of aligned boxes `(B, N, 7)`: centre x, y, z, sizes, angle about z."""
    flat = [0, 1, 3, 4, 6]
    area = intersection(box_corners(box3d1[..., flat]), box_corners(box3d2[..., flat]))[0]
    (low1, high1), (low2, high2) = (
        (box[..., 2] - box[..., 5] / 2, box[..., 2] + box[..., 5] / 2) for box in (box3d1, box3d2)
    )
    inter = area * (torch.minimum(high1, high2) - torch.maximum(low1, low2)).clamp(min=0)
    return inter / (box3d1[..., 3:6].prod(-1) + box3d2[..., 3:6].prod(-1) - inter)
