"""Which points are in which boxes of a scene."""

from __future__ import annotations

import torch


def _inside(points: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """`(B, M, T)` bool of points `(B, M, 3)` and boxes `(B, T, 7)`."""
    if boxes.shape[0] != points.shape[0] or boxes.shape[2] != 7 or points.shape[2] != 3:
        raise ValueError(
            f'points should be (B, M, 3) and boxes (B, T, 7), but got {tuple(points.shape)} and {tuple(boxes.shape)}'
        )
    offset = points[:, :, None] - boxes[:, None, :, :3]
    size, angle = boxes[:, None, :, 3:6], boxes[:, None, :, 6]
    cos, sin = angle.cos(), angle.sin()
    along = (offset[..., 0] * cos + offset[..., 1] * sin).abs() < size[..., 0] / 2
    across = (offset[..., 1] * cos - offset[..., 0] * sin).abs() < size[..., 1] / 2
    return along & across & (offset[..., 2] >= 0) & (offset[..., 2] <= size[..., 2])


def points_in_boxes_part(points: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """For each point the index of the first box that it is in, or -1.

    Args:
        points: `(B, M, 3)`.
        boxes: `(B, T, 7)`: x, y, z of the middle of the bottom, sizes along these, angle about z from x towards y.

    Returns:
        `(B, M)` int32.
    """
    inside = _inside(points, boxes)
    if inside.shape[2] == 0:
        return inside.new_full(inside.shape[:2], -1, dtype=torch.int32)
    return torch.where(inside.any(2), inside.int().argmax(2), -1).int()


def points_in_boxes_all(points: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """`(B, M, T)` int32, 1 where a point is in a box. Arguments as `points_in_boxes_part`."""
    return _inside(points, boxes).int()


points_in_boxes_cpu = points_in_boxes_all
