import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmengine.model.utils import detect_anomalous_params
from mmengine.registry import MODEL_WRAPPERS

if TYPE_CHECKING:
    from mmengine.optim import OptimWrapper

_DDP_ARGUMENTS = inspect.signature(DistributedDataParallel.__init__).parameters


@MODEL_WRAPPERS.register_module()
class MMDistributedDataParallel(DistributedDataParallel):
    """DDP with the steps of `BaseModel`; the model is `self.module`.

    Args:
        detect_anomalous_params: log the parameters that a loss does not depend on, at every step. Slow.
        kwargs: of `DistributedDataParallel`.
    """

    def __init__(self, module: nn.Module, detect_anomalous_params: bool = False, **kwargs: Any) -> None:
        if 'broadcast_buffers' in kwargs and 'forward_sync_buffers' in _DDP_ARGUMENTS:
            kwargs['forward_sync_buffers'] = kwargs.pop('broadcast_buffers')  # its name since PyTorch 2.13
        super().__init__(module=module, **kwargs)
        self.detect_anomalous_params = detect_anomalous_params

    def train_step(
        self, data: dict[str, Any] | tuple[Any, ...] | list[Any], optim_wrapper: 'OptimWrapper'
    ) -> dict[str, torch.Tensor]:
        """As `BaseModel.train_step`; `optim_context` leaves out the exchange of gradients while they accumulate."""
        model: Any = self.module
        with optim_wrapper.optim_context(self):
            data = model.data_preprocessor(data, training=True)
            losses = self._run_forward(data, mode='loss')
        parsed_loss, log_vars = model.parse_losses(losses)
        optim_wrapper.update_params(parsed_loss)
        if self.detect_anomalous_params:
            detect_anomalous_params(parsed_loss, model=self)
        return log_vars

    def val_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        return self.module.val_step(data)

    def test_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        return self.module.test_step(data)

    def _run_forward(self, data: Any, mode: str) -> Any:
        """As `BaseModel._run_forward`, through DDP."""
        if isinstance(data, Mapping):
            return self(**data, mode=mode)
        if isinstance(data, list | tuple):
            return self(*data, mode=mode)
        raise TypeError(f'data of a model should be a dict, list or tuple, but got {type(data).__name__}')
