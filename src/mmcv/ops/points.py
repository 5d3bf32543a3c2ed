"""Operators on point clouds: sampling, neighbours, interpolation (PointNet++, arXiv:1706.02413)."""

from __future__ import annotations

import torch


def _squared_distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """`(B, N, M)` of points `(B, N, D)` and `(B, M, D)`, exact where points are equal."""
    return (a[:, :, None] - b[:, None]).square().sum(-1)


def furthest_point_sample(points_xyz: torch.Tensor, num_points: int) -> torch.Tensor:
    """Indices `(B, num_points)` int32 of points `(B, N, 3)`: the first one, and then always the one furthest from all
    that were taken.
    """
    batch, count, _ = points_xyz.shape
    rows = torch.arange(batch, device=points_xyz.device)
    nearest = points_xyz.new_full((batch, count), torch.inf)
    chosen = torch.zeros(batch, num_points, dtype=torch.long, device=points_xyz.device)
    for i in range(1, num_points):
        last = points_xyz[rows, chosen[:, i - 1]]
        nearest = torch.minimum(nearest, (points_xyz - last[:, None]).square().sum(-1))
        chosen[:, i] = nearest.argmax(-1)
    return chosen.int()


def furthest_point_sample_with_dist(points_dist: torch.Tensor, num_points: int) -> torch.Tensor:
    """`furthest_point_sample` by given (squared) distances `(B, N, N)`."""
    batch, count, _ = points_dist.shape
    rows = torch.arange(batch, device=points_dist.device)
    nearest = points_dist.new_full((batch, count), torch.inf)
    chosen = torch.zeros(batch, num_points, dtype=torch.long, device=points_dist.device)
    for i in range(1, num_points):
        nearest = torch.minimum(nearest, points_dist[rows, chosen[:, i - 1]])
        chosen[:, i] = nearest.argmax(-1)
    return chosen.int()


def gather_points(features: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Features `(B, C, M)` of the points at `indices` `(B, M)`, out of `(B, C, N)`."""
    return features.gather(2, indices.long()[:, None].expand(-1, features.shape[1], -1))


def grouping_operation(features: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Features `(B, C, M, S)` of the points at `indices` `(B, M, S)`, out of `(B, C, N)`."""
    return gather_points(features, indices.flatten(1)).unflatten(2, indices.shape[1:])


def ball_query(
    min_radius: float, max_radius: float, sample_num: int, xyz: torch.Tensor, center_xyz: torch.Tensor
) -> torch.Tensor:
    """Indices `(B, M, sample_num)` int32 of the first points `(B, N, 3)` in the shell around each centre `(B, M, 3)`.

    `min_radius <= distance < max_radius`, or at the centre itself. Where there are fewer the first one is repeated;
    where there are none, all are 0.
    """
    distance = _squared_distance(center_xyz, xyz)
    near = ((distance >= min_radius**2) & (distance < max_radius**2)) | (distance == 0)
    count = xyz.shape[1]
    order = torch.where(near, torch.arange(count, device=xyz.device), count).sort(-1)[0]
    if count < sample_num:
        order = torch.cat([order, order.new_full((*order.shape[:2], sample_num - count), count)], -1)
    order = order[..., :sample_num]
    order = torch.where(order < count, order, order[..., :1])
    return torch.where(order < count, order, 0).int()


def three_nn(target: torch.Tensor, source: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Distances and indices (int32), `(B, N, 3)` each, of the three points of `source` `(B, M, 3)` that are nearest to
    each of `target` `(B, N, 3)`.
    """
    distance, index = _squared_distance(target, source).topk(3, largest=False)
    return distance.sqrt(), index.int()


def three_interpolate(features: torch.Tensor, indices: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Sums `(B, C, N)` of the features `(B, C, M)` of three points `(B, N, 3)` each, by weights `(B, N, 3)`."""
    return (grouping_operation(features, indices) * weight[:, None]).sum(-1)


def chamfer_distance(
    xyz1: torch.Tensor, xyz2: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Squared distances of each point `(B, N, D)` to the nearest of `(B, M, D)`, the other way round, and the indices
    (int32) of these: `(B, N)`, `(B, M)`, `(B, N)`, `(B, M)`.
    """
    distance = _squared_distance(xyz1, xyz2)
    (dist1, index1), (dist2, index2) = distance.min(2), distance.min(1)
    return dist1, dist2, index1.int(), index2.int()
