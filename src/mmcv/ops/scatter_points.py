"""Joining the points of each voxel."""

from __future__ import annotations

import torch
from torch import nn


def dynamic_scatter(
    feats: torch.Tensor, coors: torch.Tensor, reduce_type: str = 'max'
) -> tuple[torch.Tensor, torch.Tensor]:
    """Join features `(N, C)` of points in the same voxel `(N, ndim)`; points at negative coordinates are left out.

    Args:
        reduce_type: `max`, `sum` or `mean`.

    Returns:
        `(M, C)`, and the voxels `(M, ndim)` in rising order.
    """
    names = {'max': 'amax', 'sum': 'sum', 'mean': 'mean'}
    if reduce_type not in names:
        raise ValueError(f'reduce_type should be one of {", ".join(names)}, but got {reduce_type!r}')
    valid = (coors >= 0).all(1)
    feats = feats[valid]
    voxels, index = coors[valid].unique(dim=0, return_inverse=True)
    out = feats.new_zeros(len(voxels), feats.shape[1])
    index = index[:, None].expand_as(feats)
    return out.scatter_reduce(0, index, feats, names[reduce_type], include_self=False), voxels


class DynamicScatter(nn.Module):
    """Mean or maximum of the points of each voxel.

    Args:
        voxel_size, point_cloud_range: of the grid, kept for those that read them.
        average_points: mean, not maximum.
    """

    def __init__(self, voxel_size: list, point_cloud_range: list, average_points: bool) -> None:
        super().__init__()
        self.voxel_size = voxel_size
        self.point_cloud_range = point_cloud_range
        self.average_points = average_points

    def forward_single(self, points: torch.Tensor, coors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Points `(N, C)` in voxels `(N, 3)` of one scene."""
        return dynamic_scatter(points, coors, 'mean' if self.average_points else 'max')

    def forward(self, points: torch.Tensor, coors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Points `(N, C)` in voxels `(N, 3)`, or `(N, 4)` with the index of the scene first."""
        return self.forward_single(points, coors)

    def extra_repr(self) -> str:
        return (
            f'voxel_size={self.voxel_size}, point_cloud_range={self.point_cloud_range}, '
            f'average_points={self.average_points}'
        )
