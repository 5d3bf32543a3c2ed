"""Smallest rectangles around point sets."""

import torch


def min_area_polygons(pointsets: torch.Tensor) -> torch.Tensor:
    """Corners `(N, 8)` of the smallest rectangle, of any angle, around each point set `(N, 18)`.

    One of its sides goes through two of the points: each pair is tried.
    """
    points = pointsets.double().unflatten(1, (-1, 2))
    first, second = torch.triu_indices(points.shape[1], points.shape[1], 1, device=points.device)
    direction = points[:, second] - points[:, first]
    length = direction.norm(dim=-1, keepdim=True)
    axis = torch.where(length > 0, direction / length, direction.new_tensor([1.0, 0.0]))
    normal = torch.stack([-axis[..., 1], axis[..., 0]], -1)
    frames = torch.stack([axis, normal], -2)  # (N, pairs, 2, 2)
    at = frames @ points[:, None].transpose(-1, -2)
    low, high = at.amin(-1), at.amax(-1)
    best = (high - low).prod(-1).argmin(-1)
    rows = torch.arange(len(points), device=points.device)
    low, high, frames = low[rows, best], high[rows, best], frames[rows, best]
    x, y = torch.stack([low[:, 0], high[:, 0]], -1), torch.stack([low[:, 1], high[:, 1]], -1)
    corners = torch.stack([x[:, [1, 1, 0, 0]], y[:, [1, 0, 0, 1]]], -1)
    return (corners @ frames).flatten(1).to(pointsets.dtype)
