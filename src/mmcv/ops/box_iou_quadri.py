"""Overlaps of quadrilaterals."""

import torch

from mmcv.ops.polygons import overlap


def box_iou_quadri(
    bboxes1: torch.Tensor, bboxes2: torch.Tensor, mode: str = 'iou', aligned: bool = False
) -> torch.Tensor:
    """Intersection over union of convex quadrilaterals `(N, 8)` and `(M, 8)`, x1, y1, ..., x4, y4. Without gradients.

    Args:
        mode: `iou`, or `iof`: over the area of the first.
        aligned: each with its counterpart only.

    Returns:
        `(N, M)`, or `(N,)` of aligned ones.
    """
    return overlap(bboxes1.reshape(-1, 4, 2), bboxes2.reshape(-1, 4, 2), mode, aligned)
