"""Choosing points that cover a cloud (3DSSD, arXiv:2002.10187, section 3.2)."""

from __future__ import annotations

import torch
from torch import nn

from mmcv.ops.points import furthest_point_sample, furthest_point_sample_with_dist


def calc_square_dist(point_feat_a: torch.Tensor, point_feat_b: torch.Tensor, norm: bool = True) -> torch.Tensor:
    """Squared distances `(B, N, M)` of `(B, N, C)` and `(B, M, C)`; divided by C with `norm`."""
    distance = torch.cdist(point_feat_a, point_feat_b).square()
    return distance / point_feat_a.shape[-1] if norm else distance


def _by_position(points: torch.Tensor, features: torch.Tensor, count: int) -> torch.Tensor:
    return furthest_point_sample(points.contiguous(), count)


def _by_feature(points: torch.Tensor, features: torch.Tensor, count: int) -> torch.Tensor:
    both = torch.cat([points, features.transpose(1, 2)], 2)
    return furthest_point_sample_with_dist(calc_square_dist(both, both, norm=False), count)


def _by_both(points: torch.Tensor, features: torch.Tensor, count: int) -> torch.Tensor:
    return torch.cat([_by_feature(points, features, count), _by_position(points, features, count)], 1)


_SAMPLERS = {'D-FPS': _by_position, 'F-FPS': _by_feature, 'FS': _by_both}


class PointsSampler(nn.Module):
    """Furthest points of parts of a cloud.

    Args:
        num_point: how many points of each part.
        fps_mod_list: how, for each part: `D-FPS` by position, `F-FPS` by features as well, `FS` both, one after the
            other.
        fps_sample_range_list: index behind the last point of each part; -1 for the rest.
    """

    def __init__(
        self, num_point: list[int], fps_mod_list: list[str] = ['D-FPS'], fps_sample_range_list: list[int] = [-1]
    ) -> None:
        super().__init__()
        if not len(num_point) == len(fps_mod_list) == len(fps_sample_range_list):
            raise ValueError('num_point, fps_mod_list and fps_sample_range_list should be equally long')
        unknown = set(fps_mod_list) - set(_SAMPLERS)
        if unknown:
            raise ValueError(f'fps_mod_list should have {", ".join(_SAMPLERS)}, but got {", ".join(sorted(unknown))}')
        self.num_point = num_point
        self.fps_mod_list = fps_mod_list
        self.fps_sample_range_list = fps_sample_range_list

    def forward(self, points_xyz: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Indices `(B, sum of num_point)` of points `(B, N, 3)` with features `(B, C, N)`."""
        found, start = [], 0
        for count, kind, end in zip(self.num_point, self.fps_mod_list, self.fps_sample_range_list, strict=True):
            stop = points_xyz.shape[1] if end == -1 else end
            part = points_xyz[:, start:stop]
            channels = features[:, :, start:stop] if features is not None else features
            found.append(_SAMPLERS[kind](part, channels, count) + start)
            start = stop
        return torch.cat(found, 1)
