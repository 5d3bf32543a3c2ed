"""The interface between models and the loops."""

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from mmengine.model.base_model.data_preprocessor import BaseDataPreprocessor, cuda_device
from mmengine.model.base_module import BaseModule
from mmengine.registry import MODELS

if TYPE_CHECKING:
    from mmengine.optim import OptimWrapper


class BaseModel(BaseModule):
    """A model with its preprocessing and its training step.

    Derived classes write `forward(inputs, data_samples=None, mode='tensor')`.

    Args:
        data_preprocessor: a module, or a config of one; `None` moves batches to the device and nothing more.
    """

    def __init__(
        self,
        data_preprocessor: dict[str, Any] | nn.Module | None = None,
        init_cfg: dict[str, Any] | list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if data_preprocessor is None:
            data_preprocessor = {'type': 'BaseDataPreprocessor'}
        if isinstance(data_preprocessor, Mapping):
            data_preprocessor = MODELS.build(data_preprocessor)
        if not isinstance(data_preprocessor, nn.Module):
            raise TypeError(f'data_preprocessor should be a dict or a module, but got {data_preprocessor!r}')
        self.data_preprocessor = data_preprocessor

    def train_step(
        self, data: dict[str, Any] | tuple[Any, ...] | list[Any], optim_wrapper: 'OptimWrapper'
    ) -> dict[str, torch.Tensor]:
        """Forward, backward and one update.

        Args:
            data: a batch of the data loader.

        Returns:
            The losses for the log, detached, on the device; `loss` is the one that was optimised.
        """
        with optim_wrapper.optim_context(self):
            data = self._modules['data_preprocessor'](data, True)  # type: ignore[misc]  # half the price of `self.…`
            losses = self._run_forward(data, mode='loss')
        parsed_losses, log_vars = self.parse_losses(losses)
        optim_wrapper.update_params(parsed_losses)
        return log_vars

    def val_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        """Predictions for a batch of the data loader."""
        data = self.data_preprocessor(data, False)
        return self._run_forward(data, mode='predict')

    def test_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        """Predictions for a batch of the data loader."""
        data = self.data_preprocessor(data, False)
        return self._run_forward(data, mode='predict')

    def parse_losses(self, losses: Mapping[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Add up the losses: the mean of every tensor (in a list, the sum of means) whose name contains `loss`.

        Nothing here waits for the device.

        Returns:
            The sum, and for the log all values, detached, behind their sum `loss`.
        """
        total = None
        log_vars: OrderedDict[str, Any] = OrderedDict(loss=None)
        for name, value in losses.items():
            if isinstance(value, torch.Tensor):
                if value.ndim:
                    value = value.mean()
            elif isinstance(value, (list, tuple)) and value and isinstance(value[0], torch.Tensor):
                value = _sum([item.mean() if item.ndim else item for item in value])
            else:
                raise TypeError(f'{name} is not a tensor or list of tensors, but {value!r}')
            if 'loss' in name:
                total = value if total is None else total + value
            if name != 'loss':
                log_vars[name] = value.detach()
        if total is None:
            raise ValueError(f"no loss to optimise: none of the names {', '.join(losses) or '(none)'} contains 'loss'")
        log_vars['loss'] = total.detach()
        return total, log_vars

    def to(self, *args: Any, **kwargs: Any) -> Self:
        device = torch._C._nn._parse_to(*args, **kwargs)[0]
        if device is not None:
            self._set_device(torch.device(device))
        return super().to(*args, **kwargs)

    def cuda(self, device: int | str | torch.device | None = None) -> Self:
        target = cuda_device(device)
        self._set_device(target)
        return super().cuda(target)

    def cpu(self, *args: Any, **kwargs: Any) -> Self:
        self._set_device(torch.device('cpu'))
        return super().cpu()

    def _set_device(self, device: torch.device) -> None:
        """Tell the preprocessors, also those of models inside this one, which have no tensor to tell it from."""
        for module in self.modules():
            if isinstance(module, BaseDataPreprocessor):
                module._device = device

    @abstractmethod
    def forward(self, inputs: torch.Tensor, data_samples: list[Any] | None = None, mode: str = 'tensor') -> Any:
        """What `mode` asks for.

        Args:
            inputs: `(N, C, ...)`, as the preprocessor gives them.
            data_samples: annotations.
            mode: `loss` returns a dict of losses, `predict` a list of results, `tensor` what layers compute.
        """

    def _run_forward(self, data: Any, mode: str) -> Any:
        """Call the model with what the preprocessor gives: a dict as keyword arguments, a sequence as positional."""
        if isinstance(data, (dict, Mapping)):
            return self(**data, mode=mode)
        if isinstance(data, (list, tuple)):
            return self(*data, mode=mode)
        raise TypeError(f'data of a model should be a dict, list or tuple, but got {type(data).__name__}')


def _sum(values: list[torch.Tensor]) -> torch.Tensor:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total
