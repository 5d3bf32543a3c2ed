"""Convex polygons in the plane, many at a time: corners of rotated boxes, areas of intersections, hulls."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_CHUNK = 2**16  # pairs of polygons at a time
_PARALLEL = 1e-8  # sine of the angle below which two edges have no one point in common
_ON_EDGE = 1e-9  # relative distance within which a point is on an edge


def box_corners(boxes: Tensor) -> Tensor:
    """Corners `(..., 4, 2)` of boxes `(..., 5)`: centre x, y, width, height, angle from x towards y in radians."""
    centre, size, angle = boxes[..., None, :2], boxes[..., None, 2:4], boxes[..., 4]
    corners = boxes.new_tensor([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]]) * size
    cos, sin = angle.cos()[..., None], angle.sin()[..., None]
    x, y = corners.unbind(-1)
    return torch.stack([x * cos - y * sin, x * sin + y * cos], -1) + centre


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def polygon_area(polygons: Tensor) -> Tensor:
    """Area `(...)` of polygons `(..., K, 2)`, positive where corners run from x towards y."""
    origin = polygons - polygons[..., :1, :]
    return 0.5 * _cross(origin, origin.roll(-1, -2)).sum(-1)


def _contains(polygons: Tensor, points: Tensor, tolerance: float) -> Tensor:
    """Whether points `(..., P, 2)` are in convex polygons `(..., K, 2)`, or on their edge: `(..., P)`."""
    edge = polygons.roll(-1, -2) - polygons
    side = _cross(edge[..., None, :, :], points[..., :, None, :] - polygons[..., None, :, :])
    turn = polygon_area(polygons).sign()[..., None, None]
    side = torch.where(turn == 0, -torch.inf, side * turn)  # what has no area contains nothing
    slack = tolerance * edge.square().sum(-1).amax(-1)[..., None, None]
    return (side >= -slack).all(-1)


def intersection(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The intersection of convex polygons `(..., K, 2)` and `(..., L, 2)`.

    Its corners are among the corners of each that are in the other, and the points where edges cross; sorted by angle.

    Returns:
        Areas `(...)`, and corners `(..., K + L + K * L, 2)`, of which repeated ones mean nothing. Both have gradients.
    """
    tolerance = _ON_EDGE if a.dtype == torch.float64 else 1e-6
    edge_a, edge_b = (p.roll(-1, -2) - p for p in (a, b))
    edge_a, edge_b = edge_a[..., :, None, :], edge_b[..., None, :, :]
    between = b[..., None, :, :] - a[..., :, None, :]
    cross = _cross(edge_a, edge_b)
    skew = cross.abs() > _PARALLEL * (edge_a.square().sum(-1) * edge_b.square().sum(-1)).sqrt()
    cross = torch.where(skew, cross, 1)
    along_a, along_b = _cross(between, edge_b) / cross, _cross(between, edge_a) / cross
    crossing = skew & (along_a >= 0) & (along_a <= 1) & (along_b >= 0) & (along_b <= 1)
    crossings = a[..., :, None, :] + edge_a * torch.where(crossing, along_a, 0)[..., None]
    points = torch.cat([a, b, crossings.flatten(-3, -2)], -2)
    valid = torch.cat([_contains(b, a, tolerance), _contains(a, b, tolerance), crossing.flatten(-2)], -1)

    with torch.no_grad():
        count = valid.sum(-1, keepdim=True).clamp(min=1)
        centre = (points * valid[..., None]).sum(-2, keepdim=True) / count[..., None]
        offset = points - centre
        angle = torch.atan2(offset[..., 1], offset[..., 0])
        order = torch.where(valid, angle, torch.inf).argsort(-1)
        # What is no corner stands last and repeats the first one, which adds no area.
        order = torch.where(valid.gather(-1, order), order, order[..., :1])
    corners = points.gather(-2, order[..., None].expand(*order.shape, 2))
    return torch.where(valid.sum(-1) > 2, polygon_area(corners), 0), corners


def convex_hull(points: Tensor) -> Tensor:
    """The hull of points `(..., P, 2)`, as polygons `(..., P, 2)` with repeated corners."""
    count = points.shape[-2]
    edge = points[..., None, :, :] - points[..., :, None, :]  # from i to j
    side = _cross(edge[..., :, :, None, :], points[..., None, None, :, :] - points[..., :, None, None, :])
    length = edge.square().sum(-1)
    scale = length.amax((-2, -1))[..., None, None, None]
    outer = (side >= -1e-12 * scale).all(-1) & (length > 0)
    corner = outer.any(-1) | outer.any(-2)
    if count == 1:
        return points
    corner[..., 0] |= ~corner.any(-1)  # all points are one
    centre = (points * corner[..., None]).sum(-2, keepdim=True) / corner.sum(-1)[..., None, None]
    offset = points - centre
    angle = torch.where(corner, torch.atan2(offset[..., 1], offset[..., 0]), torch.inf)
    order = angle.detach().argsort(-1)
    order = torch.where(corner.gather(-1, order), order, order[..., :1])
    return points.gather(-2, order[..., None].expand(*order.shape, 2))


def overlap(a: Tensor, b: Tensor, mode: str = 'iou', aligned: bool = False) -> Tensor:
    """Intersection over union of convex polygons `(N, K, 2)` and `(M, L, 2)`: `(N, M)`, or `(N,)` of aligned ones.

    Pairs whose circumscribed circles do not meet are not looked at further.

    Args:
        mode: `iou`, or `iof`, over the area of the first.
    """
    if mode not in ('iou', 'iof'):
        raise ValueError(f"mode should be 'iou' or 'iof', but got {mode!r}")
    if aligned and len(a) != len(b):
        raise ValueError(f'aligned polygons should be equally many, but got {len(a)} and {len(b)}')
    dtype = a.dtype
    a, b = a.detach().double(), b.detach().double()
    area_a, area_b = polygon_area(a).abs(), polygon_area(b).abs()
    (centre_a, radius_a), (centre_b, radius_b) = _circle(a), _circle(b)
    if aligned:
        out = a.new_zeros(len(a))
        near = (centre_a - centre_b).norm(dim=-1) <= radius_a + radius_b
        pairs = (near.nonzero()[:, 0],) * 2
    else:
        out = a.new_zeros(len(a), len(b))
        near = torch.cdist(centre_a, centre_b) <= (radius_a[:, None] + radius_b) * (1 + 1e-6)
        pairs = near.nonzero(as_tuple=True)  # type: ignore[assignment]
    for i, j in zip(*(p.split(_CHUNK) for p in pairs), strict=True):
        inter = intersection(a[i], b[j])[0]
        base = area_a[i] if mode == 'iof' else area_a[i] + area_b[j] - inter
        out[i if aligned else (i, j)] = torch.where(base > 0, inter / base, 0)
    return out.clamp(max=1).to(dtype)


def _circle(polygons: Tensor) -> tuple[Tensor, Tensor]:
    centre = polygons.mean(-2)
    return centre, (polygons - centre[:, None]).norm(dim=-1).amax(-1)


def greedy_nms(scores: Tensor, suppresses: Callable[[Tensor, Tensor], Tensor], block_size: int = 2048) -> Tensor:
    """Indices that survive, in falling order of score.

    Args:
        scores: `(N,)`.
        suppresses: from two tensors of indices, `(I,)` and `(J,)`, to the matrix of which of I suppresses which of J.
    """
    kept = torch.zeros(0, dtype=torch.long, device=scores.device)
    for block in scores.argsort(descending=True, stable=True).split(block_size):
        if len(kept):
            block = block[~suppresses(kept, block).any(0)]
        # A box survives if no surviving earlier one suppresses it. Applied to all at once, and again until nothing
        # changes, this gives the greedy result: after n rounds the first n are right.
        matrix = suppresses(block, block).triu(1)
        alive = torch.ones(len(block), dtype=torch.bool, device=block.device)
        while not torch.equal(following := ~(matrix & alive[:, None]).any(0), alive):
            alive = following
        kept = torch.cat([kept, block[alive]])
    return kept
