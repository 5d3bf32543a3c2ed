"""Which points are in which polygons."""

import torch


def points_in_polygons(points: torch.Tensor, polygons: torch.Tensor) -> torch.Tensor:
    """`(B, M)`, 1 where a point `(B, 2)` is in a quadrilateral `(M, 8)`, of any shape, and 0 elsewhere.

    By the parity of the edges that a ray from the point crosses.
    """
    if points.ndim != 2 or points.shape[1] != 2 or polygons.ndim != 2 or polygons.shape[1] != 8:
        raise ValueError(
            f'points should be (B, 2) and polygons (M, 8), but got {tuple(points.shape)} and {tuple(polygons.shape)}'
        )
    start = polygons.reshape(-1, 4, 2)
    end = start.roll(-1, 1)
    x, y = points[:, None, None, 0], points[:, None, None, 1]
    crosses = (start[..., 1] > y) != (end[..., 1] > y)
    rise = end[..., 1] - start[..., 1]
    at = start[..., 0] + (y - start[..., 1]) * (end - start)[..., 0] / torch.where(rise == 0, 1, rise)
    return ((crosses & (x < at)).sum(-1) % 2).to(points.dtype)
