"""Non-maximum suppression of boxes, axis-aligned and rotated, and of quadrilaterals."""

from typing import Any

import numpy as np
import torch

from mmcv.ops.box_iou_rotated import rotated_corners
from mmcv.ops.polygons import greedy_nms, overlap
from mmengine.utils.errors import ConfigError


def _overlaps(a: torch.Tensor, b: torch.Tensor, offset: int) -> torch.Tensor:
    """Intersection over union of boxes `(N, 4)` and `(M, 4)`: `(N, M)`."""
    top_left = torch.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = (bottom_right - top_left + offset).clamp(min=0).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2] + offset).prod(-1) for x in (a, b))
    return inter / (area_a[:, None] + area_b - inter)


def _keep(
    boxes: torch.Tensor, scores: torch.Tensor, groups: torch.Tensor | None, iou_threshold: float, offset: int
) -> torch.Tensor:
    """Indices that survive, in falling order of score; boxes of unlike groups do not meet."""

    def suppresses(i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
        close = _overlaps(boxes[i], boxes[j], offset) > iou_threshold
        return close if groups is None else close & (groups[i][:, None] == groups[j])

    return greedy_nms(scores, suppresses)


def _nms(
    boxes: torch.Tensor,
    scores: torch.Tensor,
    groups: torch.Tensor | None,
    iou_threshold: float,
    offset: int,
    score_threshold: float,
    max_num: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise ValueError(
            f'boxes should be (N, 4) and scores (N,), but got {tuple(boxes.shape)} and {tuple(scores.shape)}'
        )
    if offset not in (0, 1):
        raise ValueError(f'offset should be 0 or 1, but got {offset}')
    chosen = torch.arange(len(scores), device=scores.device)
    if score_threshold > 0:
        chosen = (scores > score_threshold).nonzero()[:, 0]
    with torch.no_grad():
        kept = _keep(boxes[chosen], scores[chosen], None if groups is None else groups[chosen], iou_threshold, offset)
    inds = chosen[kept]
    if max_num > 0:
        inds = inds[:max_num]
    return torch.cat([boxes[inds], scores[inds, None]], dim=1), inds


def nms(
    boxes: Any,
    scores: Any,
    iou_threshold: float,
    offset: int = 0,
    score_threshold: float = 0,
    max_num: int = -1,
) -> tuple[Any, Any]:
    """Keep the best boxes of which no two overlap by more than `iou_threshold`.

    Args:
        boxes: `(N, 4)` x1, y1, x2, y2; tensors or arrays, as the results then are.
        scores: `(N,)`.
        offset: added to widths and heights; 1 where corners are pixels that belong to the box.
        score_threshold: boxes with lower scores are left out, if positive.
        max_num: at most so many, if positive.

    Returns:
        `(K, 5)` boxes and scores, and their indices `(K,)`, in falling order of score.
    """
    if not isinstance(boxes, np.ndarray):
        return _nms(boxes, scores, None, iou_threshold, offset, score_threshold, max_num)
    dets, inds = _nms(
        torch.from_numpy(boxes), torch.from_numpy(scores), None, iou_threshold, offset, score_threshold, max_num
    )
    return dets.numpy(), inds.numpy()


def batched_nms(
    boxes: torch.Tensor,
    scores: torch.Tensor,
    idxs: torch.Tensor,
    nms_cfg: dict[str, Any] | None,
    class_agnostic: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Suppress boxes of each class by themselves.

    Args:
        boxes: `(N, 4)` x1, y1, x2, y2.
        scores: `(N,)`.
        idxs: `(N,)`, the class (or image) of each box.
        nms_cfg: arguments of `nms` but boxes and scores, with `class_agnostic`; `type` may be `nms`, `split_thr` is
            not needed here. `None` only sorts.
        class_agnostic: suppress across classes.

    Returns:
        As `nms`.
    """
    if nms_cfg is None:
        scores, inds = scores.sort(descending=True)
        return torch.cat([boxes[inds], scores[:, None]], -1), inds
    options = {'offset': 0, 'score_threshold': 0, 'max_num': -1, **nms_cfg}
    kind = options.pop('type', 'nms')
    if kind not in ('nms', nms):
        raise ConfigError(f"the type of nms_cfg should be 'nms', but got {kind!r}")
    options.pop('split_thr', None)
    if 'iou_thr' in options:
        options['iou_threshold'] = options.pop('iou_thr')
    agnostic = options.pop('class_agnostic', class_agnostic)
    return _nms(boxes, scores, None if agnostic else idxs, **options)


def _polygon_nms(
    corners: torch.Tensor, scores: torch.Tensor, iou_threshold: float, labels: torch.Tensor | None
) -> torch.Tensor:
    def suppresses(i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
        close = overlap(corners[i], corners[j]) > iou_threshold
        return close if labels is None else close & (labels[i][:, None] == labels[j])

    return greedy_nms(scores.detach(), suppresses)


def nms_rotated(
    dets: torch.Tensor,
    scores: torch.Tensor,
    iou_threshold: float,
    labels: torch.Tensor | None = None,
    clockwise: bool = True,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """`nms` of rotated boxes.

    Args:
        dets: `(N, 5)` centre x, y, width, height, angle in radians.
        scores: `(N,)`.
        labels: `(N,)`; boxes of unlike labels do not meet.
        clockwise: positive angles turn clockwise in the image.

    Returns:
        `(K, 6)` boxes and scores, and their indices `(K,)`, in falling order of score; without boxes `dets` and None.
    """
    if len(dets) == 0:
        return dets, None
    keep = _polygon_nms(rotated_corners(dets.detach(), clockwise), scores, iou_threshold, labels)
    return torch.cat([dets[keep], scores[keep, None]], 1), keep


def nms_quadri(
    dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float, labels: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """`nms` of convex quadrilaterals `(N, 8)`, x1, y1, ..., x4, y4; see `nms_rotated`. Returns `(K, 9)` and indices."""
    if len(dets) == 0:
        return dets, None
    keep = _polygon_nms(dets.detach().reshape(-1, 4, 2), scores, iou_threshold, labels)
    return torch.cat([dets[keep], scores[keep, None]], 1), keep


def nms_match(dets: Any, iou_threshold: float) -> list[Any]:
    """Which boxes `nms` would remove because of which.

    Args:
        dets: `(N, 5)` x1, y1, x2, y2, score; a tensor or an array.

    Returns:
        For each box that is kept, in falling order of score, its index and those of the boxes that it removes, as
        tensors or arrays.
    """
    if dets.shape[-1] != 5:
        raise ValueError(f'dets should be (N, 5), but got {tuple(dets.shape)}')
    boxes = torch.as_tensor(dets).detach()
    close = _overlaps(boxes[:, :4], boxes[:, :4], 0).cpu() > iou_threshold
    left = boxes[:, 4].argsort(descending=True, stable=True).cpu()
    groups = []
    while len(left):
        removed = close[left[0], left]
        removed[0] = True
        groups.append(left[removed])
        left = left[~removed]
    if isinstance(dets, np.ndarray):
        return [group.numpy() for group in groups]
    return [group.to(boxes.device) for group in groups]
