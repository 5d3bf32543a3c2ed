"""Small helpers of the runner."""

from __future__ import annotations

import random

import numpy as np
import torch

from mmengine.dist import get_rank, sync_random_seed


def calc_dynamic_intervals(
    start_interval: int, dynamic_interval_list: list[tuple[int, int]] | None = None
) -> tuple[list[int], list[int]]:
    """Milestones and the validation interval from each of them on; the first milestone is 0."""
    if dynamic_interval_list is None:
        return [0], [start_interval]
    return [0, *(m for m, _ in dynamic_interval_list)], [start_interval, *(i for _, i in dynamic_interval_list)]


def set_random_seed(seed: int | None = None, deterministic: bool = False, diff_rank_seed: bool = False) -> int:
    """Seed `random`, `numpy.random` and torch on all devices.

    Args:
        seed: None draws one that all ranks share.
        deterministic: also ask torch for deterministic algorithms.
        diff_rank_seed: add the rank to the seed.

    Returns:
        The seed that was set.
    """
    if seed is None:
        seed = sync_random_seed()
    if diff_rank_seed:
        seed += get_rank()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    if deterministic:
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True, warn_only=True)
    return seed
