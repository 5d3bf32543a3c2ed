"""Kernels put together by scores (PAConv, arXiv:2103.14635)."""

import torch


def assign_score_withk(
    scores: torch.Tensor,
    point_features: torch.Tensor,
    center_features: torch.Tensor,
    knn_idx: torch.Tensor,
    aggregate: str = 'sum',
) -> torch.Tensor:
    """Sum over kernels of the score times the features of a neighbour less those of the centre.

    Args:
        scores: `(B, N, K, M)`, of M kernels for the K neighbours of each of N points.
        point_features, center_features: `(B, P, M, C)`.
        knn_idx: `(B, N, K)`, of neighbours among P points; the first is the centre itself.
        aggregate: `sum`.

    Returns:
        `(B, C, N, K)`.
    """
    if aggregate != 'sum':
        raise ValueError(f"aggregate should be 'sum', but got {aggregate!r}")
    rows = torch.arange(len(scores), device=scores.device)[:, None, None]
    difference = point_features[rows, knn_idx.long()] - center_features[rows, knn_idx[..., :1].long()]
    return torch.einsum('bnkm,bnkmc->bcnk', scores, difference)
