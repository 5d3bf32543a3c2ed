"""Overlaps of hulls of point sets with polygons (convex GIoU: arXiv:1902.09630 over convex shapes)."""

import torch

from mmcv.ops.polygons import convex_hull, intersection, overlap, polygon_area


def convex_iou(pointsets: torch.Tensor, polygons: torch.Tensor) -> torch.Tensor:
    """Intersection over union `(N, K)` of the hulls of point sets `(N, 18)` and convex polygons `(K, 8)`."""
    hulls = convex_hull(pointsets.double().unflatten(1, (-1, 2)))
    return overlap(hulls, polygons.unflatten(1, (-1, 2))).to(pointsets.dtype)


def convex_giou(pointsets: torch.Tensor, polygons: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Generalized IoU of the hull of each point set `(N, 18)` and its polygon `(N, 8)`.

    Returns:
        `(N,)`, and its derivative with respect to the points, `(N, 18)`.
    """
    with torch.enable_grad():
        points = pointsets.detach().double().requires_grad_()
        target = polygons.detach().double().unflatten(1, (-1, 2))
        sets = points.unflatten(1, (-1, 2))
        hull = convex_hull(sets)
        inter = intersection(hull, target)[0]
        union = polygon_area(hull).abs() + polygon_area(target).abs() - inter
        enclosing = polygon_area(convex_hull(torch.cat([sets, target], 1))).abs()
        giou = inter / union - (enclosing - union) / enclosing
        (grad,) = torch.autograd.grad(giou.sum(), points) if len(points) else (points,)
    return giou.detach().to(pointsets.dtype), grad.detach().to(pointsets.dtype)
