"""Bipartite matching of lowest cost."""

from typing import Any

import torch
from torch import Tensor

from mmengine.structures import InstanceData
from mmengine.utils.errors import ConfigError, DataError, MissingDependencyError
from mmseg.models.assigners.base_assigner import BaseAssigner
from mmseg.models.assigners.match_cost import total_cost
from mmseg.registry import TASK_UTILS


def match(cost: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of rows and columns of `cost (Q, G)` with the lowest sum: two `(min(Q, G),)` int64 on its device.

    The rows are in rising order. The algorithm runs on the CPU: the device is waited for.
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as e:
        raise MissingDependencyError(
            "Matching predictions to true instances needs scipy: pip install 'mmnext[mask]'"
        ) from e
    try:
        rows, columns = linear_sum_assignment(cost.detach().float().cpu())
    except ValueError as e:
        raise DataError(
            f'The costs of matching predicted masks to true ones are not finite ({e}): the model has diverged. '
            'Lower the learning rate, clip gradients (clip_grad of optim_wrapper), or use bfloat16 for float16.'
        ) from e
    return torch.from_numpy(rows).to(cost.device), torch.from_numpy(columns).to(cost.device)


@TASK_UTILS.register_module()
class HungarianAssigner(BaseAssigner):
    """One prediction for each true instance, such that the sum of all costs is lowest.

    Args:
        match_costs: configs of costs, or one.
    """

    def __init__(self, match_costs: Any = None) -> None:
        if isinstance(match_costs, dict):
            match_costs = [match_costs]
        if not match_costs:
            raise ConfigError(f'match_costs should be a config of a cost or a list of them, but is {match_costs!r}.')
        self.match_costs = [TASK_UTILS.build(cost) if isinstance(cost, dict) else cost for cost in match_costs]

    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        img_meta: dict | None = None,
        **kwargs: Any,
    ) -> Any:
        """Indices of predictions, rising, and of their instances: two `(min(Q, G),)` int64.

        Args:
            pred_instances, gt_instances: what the costs read; the labels of the latter are always there.
        """
        if not len(pred_instances) or not len(gt_instances):
            none = gt_instances['labels'].new_zeros(0)
            return none, none
        return match(total_cost(self.match_costs, pred_instances, gt_instances, img_meta))
