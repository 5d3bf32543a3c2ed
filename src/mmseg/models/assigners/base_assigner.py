"""The base of assigners."""

from abc import ABCMeta, abstractmethod
from typing import Any

from mmengine.structures import InstanceData


class BaseAssigner(metaclass=ABCMeta):
    """Decides which prediction is to learn which true instance."""

    @abstractmethod
    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        **kwargs: Any,
    ) -> Any:
        """The assignment; its form is that of the derived class."""
