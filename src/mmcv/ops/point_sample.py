"""Features at points (PointRend, arXiv:1912.08193)."""

from typing import Any

import torch
from torch.nn import functional as F

_Image = tuple[int, int] | torch.Tensor


def normalize(grid: torch.Tensor) -> torch.Tensor:
    """From [-1, 1] to [0, 1]."""
    return (grid + 1.0) / 2.0


def denormalize(grid: torch.Tensor) -> torch.Tensor:
    """From [0, 1] to [-1, 1]."""
    return grid * 2.0 - 1.0


def point_sample(input: torch.Tensor, points: torch.Tensor, align_corners: bool = False, **kwargs: Any) -> torch.Tensor:
    """Features at points, interpolated.

    Args:
        input: `(N, C, H, W)`.
        points: `(N, P, 2)` or `(N, Hg, Wg, 2)` x and y, where the image is [0, 1].
        kwargs: of `torch.nn.functional.grid_sample`.

    Returns:
        `(N, C, P)` or `(N, C, Hg, Wg)`.
    """
    flat = points.dim() == 3
    grid = denormalize(points.unsqueeze(2) if flat else points)
    output = F.grid_sample(input, grid, align_corners=align_corners, **kwargs)
    return output.squeeze(3) if flat else output


def rel_roi_point_to_abs_img_point(rois: torch.Tensor, rel_roi_points: torch.Tensor) -> torch.Tensor:
    """Points relative to boxes, `(K, P, 2)` in [0, 1], in the coordinates of the image.

    Args:
        rois: `(K, 4)` x1, y1, x2, y2, or `(K, 5)` with the index in the batch in front.
    """
    if rois.size(1) == 5:
        rois = rois[:, 1:]
    corner, size = rois[:, None, :2], rois[:, None, 2:] - rois[:, None, :2]
    return rel_roi_points * size + corner


def abs_img_point_to_rel_img_point(
    abs_img_points: torch.Tensor, img: _Image, spatial_scale: float = 1.0
) -> torch.Tensor:
    """Points `(K, P, 2)` in coordinates of the image, relative to the size of a feature map.

    Args:
        img: the feature map `(..., H, W)`, or its (H, W).
        spatial_scale: from the image to the feature map.
    """
    h, w = img.shape[-2:] if isinstance(img, torch.Tensor) else img
    scale = torch.tensor([w, h], dtype=torch.float, device=abs_img_points.device)
    return abs_img_points / scale * spatial_scale


def rel_roi_point_to_rel_img_point(
    rois: torch.Tensor, rel_roi_points: torch.Tensor, img: _Image, spatial_scale: float = 1.0
) -> torch.Tensor:
    """Points relative to boxes, relative to the feature map: what `point_sample` takes. See the two steps above."""
    points = rel_roi_point_to_abs_img_point(rois, rel_roi_points)
    return abs_img_point_to_rel_img_point(points, img, spatial_scale)
