"""Neighbourhoods of points with their features (PointNet++, arXiv:1706.02413)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from mmcv.ops.points import ball_query, grouping_operation


class QueryAndGroup(nn.Module):
    """Positions relative to the centre, and features, of `sample_num` points around each centre.

    Args:
        max_radius, min_radius: of the shell around each centre that points are taken from.
        sample_num: how many.
        use_xyz: put the positions before the features.
        return_grouped_xyz: return the positions as well.
        normalize_xyz: divide the positions by `max_radius`.
        uniform_sample: repeat random ones, not the first, where there are fewer.
        return_unique_cnt: return how many were found, with `uniform_sample`.
        return_grouped_idx: return the indices as well.
    """

    def __init__(
        self,
        max_radius: float,
        sample_num: int,
        min_radius: float = 0.0,
        use_xyz: bool = True,
        return_grouped_xyz: bool = False,
        normalize_xyz: bool = False,
        uniform_sample: bool = False,
        return_unique_cnt: bool = False,
        return_grouped_idx: bool = False,
    ) -> None:
        super().__init__()
        if return_unique_cnt and not uniform_sample:
            raise ValueError('return_unique_cnt needs uniform_sample')
        if normalize_xyz and max_radius is None:
            raise ValueError('normalize_xyz needs max_radius')
        self.max_radius = max_radius
        self.min_radius = min_radius
        self.sample_num = sample_num
        self.use_xyz = use_xyz
        self.return_grouped_xyz = return_grouped_xyz
        self.normalize_xyz = normalize_xyz
        self.uniform_sample = uniform_sample
        self.return_unique_cnt = return_unique_cnt
        self.return_grouped_idx = return_grouped_idx

    def forward(self, points_xyz: torch.Tensor, center_xyz: torch.Tensor, features: torch.Tensor | None = None) -> Any:
        """Points `(B, N, 3)`, centres `(B, M, 3)`, features `(B, C, N)` to `(B, 3 + C, M, sample_num)`, and what else
        was asked for, in a tuple.
        """
        index = ball_query(self.min_radius, self.max_radius, self.sample_num, points_xyz, center_xyz)
        if self.uniform_sample:
            index, unique = _resample(index)
        grouped_xyz = grouping_operation(points_xyz.transpose(1, 2), index)
        relative = grouped_xyz - center_xyz.transpose(1, 2)[..., None]
        if self.normalize_xyz:
            relative = relative / self.max_radius
        if features is None:
            if not self.use_xyz:
                raise ValueError('without features, use_xyz should be True')
            grouped = relative
        else:
            grouped = grouping_operation(features, index)
            if self.use_xyz:
                grouped = torch.cat([relative, grouped], 1)
        result = [grouped]
        if self.return_grouped_xyz:
            result.append(relative)
        if self.return_unique_cnt:
            result.append(unique)
        if self.return_grouped_idx:
            result.append(index)
        return grouped if len(result) == 1 else tuple(result)


def _resample(index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices with random repetitions of what is there once, and the counts `(B, M)` of different ones."""
    index, counts = index.clone(), index.new_zeros(index.shape[:2], dtype=torch.long)
    for i, j in torch.cartesian_prod(*map(torch.arange, index.shape[:2])).tolist():
        unique = index[i, j].unique()
        counts[i, j] = len(unique)
        picked = torch.randint(len(unique), (index.shape[2] - len(unique),), device=index.device)
        index[i, j] = torch.cat([unique, unique[picked]])
    return index, counts


class GroupAll(nn.Module):
    """All points as one group."""

    def __init__(self, use_xyz: bool = True) -> None:
        super().__init__()
        self.use_xyz = use_xyz

    def forward(self, xyz: torch.Tensor, new_xyz: torch.Tensor, features: torch.Tensor | None = None) -> torch.Tensor:
        """Points `(B, N, 3)` and features `(B, C, N)` to `(B, 3 + C, 1, N)`; `new_xyz` is not used."""
        grouped_xyz = xyz.transpose(1, 2)[:, :, None]
        if features is None:
            return grouped_xyz
        grouped = features[:, :, None]
        return torch.cat([grouped_xyz, grouped], 1) if self.use_xyz else grouped


__all__ = ['GroupAll', 'QueryAndGroup', 'grouping_operation']
