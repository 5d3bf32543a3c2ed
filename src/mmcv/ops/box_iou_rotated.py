"""Overlaps of rotated boxes."""

import torch

from mmcv.ops.polygons import box_corners, overlap


def rotated_corners(boxes: torch.Tensor, clockwise: bool) -> torch.Tensor:
    """Corners `(N, 4, 2)` of `(N, 5)`; angles turn clockwise on the screen (from x to y, which points down) or not."""
    if boxes.ndim != 2 or boxes.shape[1] != 5:
        raise ValueError(f'rotated boxes should be (N, 5), but got {tuple(boxes.shape)}')
    return box_corners(boxes if clockwise else boxes * boxes.new_tensor([1, 1, 1, 1, -1]))


def box_iou_rotated(
    bboxes1: torch.Tensor,
    bboxes2: torch.Tensor,
    mode: str = 'iou',
    aligned: bool = False,
    clockwise: bool = True,
) -> torch.Tensor:
    """Intersection over union of rotated boxes. Without gradients.

    Args:
        bboxes1: `(N, 5)` centre x, y, width, height, angle in radians.
        bboxes2: `(M, 5)`.
        mode: `iou`, or `iof`: over the area of the first.
        aligned: each with its counterpart only.
        clockwise: positive angles turn clockwise in the image.

    Returns:
        `(N, M)`, or `(N,)` of aligned boxes.
    """
    return overlap(rotated_corners(bboxes1, clockwise), rotated_corners(bboxes2, clockwise), mode, aligned)
