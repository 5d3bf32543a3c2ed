"""Averages of a model's parameters over training."""

import copy
import logging
from abc import abstractmethod
from typing import Any

import torch
from torch import nn

from mmengine.logging import print_log
from mmengine.model.sharding import is_sharded, shadow_of
from mmengine.registry import MODELS


class BaseAveragedModel(nn.Module):
    """A copy of a model, `self.module`, whose parameters are averages of the model's.

    Args:
        interval: average at every so many calls of `update_parameters`.
        device: where the averages are kept; `None` is where the model is.
        update_buffers: average buffers (such as statistics of batch normalisation) too; otherwise they are copied.
    """

    steps: torch.Tensor

    def __init__(
        self,
        model: nn.Module,
        interval: int = 1,
        device: torch.device | None = None,
        update_buffers: bool = False,
    ) -> None:
        super().__init__()
        self.module = shadow_of(model) if is_sharded(model) else copy.deepcopy(model).requires_grad_(False)
        self.interval = interval
        if device is not None:
            self.module.to(device)
        # On the CPU, where looking at it does not wait for an accelerator.
        self.register_buffer('steps', torch.tensor(0, dtype=torch.long, device='cpu'))
        self.update_buffers = update_buffers
        self.avg_parameters: dict[str, torch.Tensor] = self._parameters_of(self.module)

    def _parameters_of(self, model: nn.Module) -> dict[str, Any]:
        return model.state_dict() if self.update_buffers else dict(model.named_parameters())

    @abstractmethod
    def avg_func(self, averaged_param: torch.Tensor, source_param: torch.Tensor, steps: int) -> None:
        """Change `averaged_param` in place, at the update number `steps` (from 1)."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Count a step of `model`, and average. The first call copies."""
        source = self._parameters_of(model)
        if self.steps == 0:
            pairs = [(p, source[name]) for name, p in self.avg_parameters.items()]
            for averaged, param in pairs:
                averaged.copy_(param)
        elif self.steps % self.interval == 0:
            averages, params = [], []
            for name, averaged in self.avg_parameters.items():
                if averaged.dtype.is_floating_point:
                    averages.append(averaged)
                    params.append(source[name].to(averaged.device))
                else:
                    averaged.copy_(source[name])
            self._avg_all(averages, params)
        if not self.update_buffers:
            for averaged, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
                averaged.copy_(buffer)
        self.steps += 1

    def _avg_all(self, averaged: list[torch.Tensor], source: list[torch.Tensor]) -> None:
        for average, param in zip(averaged, source, strict=True):
            self.avg_func(average, param, self.steps)  # type: ignore[arg-type]


class _LerpAverage(BaseAveragedModel):
    """`average += weight * (parameter - average)`, for all parameters in one operation."""

    @abstractmethod
    def _weight(self, steps: int) -> float:
        """The weight of the new parameters at update number `steps`."""

    def avg_func(self, averaged_param: torch.Tensor, source_param: torch.Tensor, steps: int) -> None:
        averaged_param.lerp_(source_param, self._weight(int(steps)))

    def _avg_all(self, averaged: list[torch.Tensor], source: list[torch.Tensor]) -> None:
        if type(self).avg_func is not _LerpAverage.avg_func:
            super()._avg_all(averaged, source)
        else:
            torch._foreach_lerp_(averaged, source, self._weight(int(self.steps)))


@MODELS.register_module()
class StochasticWeightAverage(_LerpAverage):
    """The mean of all parameters so far (arXiv:1803.05407)."""

    def _weight(self, steps: int) -> float:
        return 1 / (steps // self.interval + 1)


@MODELS.register_module()
class ExponentialMovingAverage(_LerpAverage):
    """`(1 - momentum) * average + momentum * parameter`.

    Args:
        momentum: weight of the new parameters, in (0, 1): the opposite of what PyTorch calls decay.
    """

    def __init__(
        self,
        model: nn.Module,
        momentum: float = 0.0002,
        interval: int = 1,
        device: torch.device | None = None,
        update_buffers: bool = False,
    ) -> None:
        super().__init__(model, interval, device, update_buffers)
        if not 0.0 < momentum < 1.0:
            raise ValueError(f'momentum should be in the range (0, 1), but got {momentum}')
        if momentum > 0.5:
            print_log(
                f'momentum={momentum} gives new parameters more weight than their average. Is 1 - momentum meant? '
                'The momentum of EMA is the weight of new parameters, usually small.',
                logger='current',
                level=logging.WARNING,
            )
        self.momentum = momentum

    def _weight(self, steps: int) -> float:
        return self.momentum


@MODELS.register_module()
class MomentumAnnealingEMA(ExponentialMovingAverage):
    """The weight of the new parameters falls as `gamma / (gamma + steps)`, down to `momentum`.

    Early averages forget the initial parameters sooner so (YOLOX, arXiv:2107.08430, uses such a ramp).
    """

    def __init__(
        self,
        model: nn.Module,
        momentum: float = 0.0002,
        gamma: int = 100,
        interval: int = 1,
        device: torch.device | None = None,
        update_buffers: bool = False,
    ) -> None:
        super().__init__(model, momentum, interval, device, update_buffers)
        if gamma <= 0:
            raise ValueError(f'gamma should be greater than 0, but got {gamma}')
        self.gamma = gamma

    def _weight(self, steps: int) -> float:
        return max(self.momentum, self.gamma / (self.gamma + steps))
