"""Non-maximum suppression of axis-aligned boxes."""

from typing import Any

import numpy as np
import torch

from mmengine.utils.errors import ConfigError

_BLOCK = 2048  # bounds the matrix of overlaps


def _overlaps(a: torch.Tensor, b: torch.Tensor, offset: int) -> torch.Tensor:
    """Intersection over union of boxes `(N, 4)` and `(M, 4)`: `(N, M)`."""
    top_left = torch.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = (bottom_right - top_left + offset).clamp(min=0).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2] + offset).prod(-1) for x in (a, b))
    return inter / (area_a[:, None] + area_b - inter)


def _keep(boxes: torch.Tensor, groups: torch.Tensor | None, iou_threshold: float, offset: int) -> torch.Tensor:
    """Positions that survive, of boxes in falling order of score; boxes of unlike groups do not meet."""
    kept = torch.zeros(0, dtype=torch.long, device=boxes.device)

    def suppresses(i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
        close = _overlaps(boxes[i], boxes[j], offset) > iou_threshold
        return close if groups is None else close & (groups[i][:, None] == groups[j])

    for block in torch.arange(len(boxes), device=boxes.device).split(_BLOCK):
        if len(kept):
            block = block[~suppresses(kept, block).any(0)]
        # A box survives if no surviving earlier one is close. Applied to all at once, and again until nothing
        # changes, this gives the greedy result: after n rounds the first n boxes are right.
        close = suppresses(block, block).triu(1)
        alive = torch.ones(len(block), dtype=torch.bool, device=boxes.device)
        while True:
            following = ~(close & alive[:, None]).any(0)
            if torch.equal(following, alive):
                break
            alive = following
        kept = torch.cat([kept, block[alive]])
    return kept


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
    order = scores.argsort(descending=True, stable=True)
    if score_threshold > 0:
        order = order[scores[order] > score_threshold]
    with torch.no_grad():
        kept = _keep(boxes[order], None if groups is None else groups[order], iou_threshold, offset)
    inds = order[kept]
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
