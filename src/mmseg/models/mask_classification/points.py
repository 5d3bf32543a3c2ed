"""Points at which masks are compared (Cheng et al., Mask2Former, section 3.3; Kirillov et al., PointRend)."""

import torch
from torch import Tensor

from mmcv.ops import point_sample


def get_uncertain_point_coords_with_randomness(
    mask_preds: Tensor,
    labels: Tensor | None,
    num_points: int,
    oversample_ratio: float,
    importance_sample_ratio: float,
) -> Tensor:
    """Draw points of each mask: the most uncertain ones of many, and some at random.

    Args:
        mask_preds: logits `(N, 1, H, W)`.
        labels: not used; the masks are those of their class already.
        num_points: P.
        oversample_ratio: how many times P uniform points the uncertain ones are chosen from.
        importance_sample_ratio: the share of P that is chosen so.

    Returns:
        `(N, P, 2)` x and y in [0, 1].
    """
    if oversample_ratio < 1 or not 0 <= importance_sample_ratio <= 1:
        raise ValueError(
            'oversample_ratio should be >= 1 and importance_sample_ratio in [0, 1], but are '
            f'{oversample_ratio} and {importance_sample_ratio}'
        )
    masks, device = len(mask_preds), mask_preds.device
    candidates = torch.rand(masks, int(num_points * oversample_ratio), 2, device=device)
    certainty = point_sample(mask_preds, candidates)[:, 0].abs()
    num_uncertain = int(importance_sample_ratio * num_points)
    index = certainty.neg().topk(num_uncertain, dim=1).indices
    points = candidates.gather(1, index[..., None].expand(-1, -1, 2))
    if num_uncertain == num_points:
        return points
    return torch.cat([points, torch.rand(masks, num_points - num_uncertain, 2, device=device)], dim=1)


def points_for_matching(mask_preds: Tensor, gt_masks: Tensor, num_points: int) -> tuple[Tensor, Tensor]:
    """Masks at the same uniform random points.

    Args:
        mask_preds: logits `(Q, h, w)`.
        gt_masks: `(G, H, W)` of 0 and 1.

    Returns:
        Logits `(Q, num_points)` and targets `(G, num_points)`, in [0, 1] at the edges.
    """
    points = torch.rand(1, num_points, 2, device=mask_preds.device)
    return point_sample(mask_preds[None].float(), points)[0], point_sample(gt_masks[None].float(), points)[0]


def points_for_loss(
    mask_preds: Tensor, gt_masks: Tensor, num_points: int, oversample_ratio: float, importance_sample_ratio: float
) -> tuple[Tensor, Tensor]:
    """Masks and their targets at points of each mask's own, see `get_uncertain_point_coords_with_randomness`.

    Args:
        mask_preds: logits `(M, h, w)`.
        gt_masks: `(M, H, W)` of 0 and 1.

    Returns:
        Logits and targets, `(M, num_points)` each.
    """
    mask_preds = mask_preds[:, None].float()
    with torch.no_grad():
        points = get_uncertain_point_coords_with_randomness(
            mask_preds, None, num_points, oversample_ratio, importance_sample_ratio
        )
        targets = point_sample(gt_masks[:, None].float(), points)[:, 0]
    return point_sample(mask_preds, points)[:, 0], targets
