"""The interface that all optimizer wrappers share."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from . import unlabelled


class BaseOptimWrapper(metaclass=ABCMeta):
    """What loops, hooks and schedulers need of an optimizer.

    Where the groups were made by rules, so that there is no one learning rate to log, `base_param_settings` is one
    more group, without parameters: the values of the optimizer's config. Schedulers treat it as the others.
    """

    step_skipped = False  # whether the last update was left out, because scaled gradients had overflowed

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.base_param_settings: dict[str, Any] | None = None
        if hasattr(optimizer, 'defaults') and len(optimizer.param_groups) > 1:
            self.base_param_settings = dict(params=torch.tensor([0.0]), **optimizer.defaults)

    @abstractmethod
    def update_params(self, *args: Any, **kwargs: Any) -> None:
        """Update the parameters by the gradients of a loss."""

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        loss.backward(**kwargs)

    def zero_grad(self, **kwargs: Any) -> None:
        unlabelled.zero_grad(self.optimizer, **kwargs)

    def step(self, **kwargs: Any) -> None:
        unlabelled.step(self.optimizer, **kwargs)

    def state_dict(self) -> dict:
        """The optimizer's state, with `base_param_settings` as one more key where there are such."""
        state = self.optimizer.state_dict()
        if self.base_param_settings is not None:
            state['base_param_settings'] = self.base_param_settings
        return state

    def load_state_dict(self, state_dict: dict) -> None:
        base = state_dict.get('base_param_settings')
        if base is not None:
            self.base_param_settings = dict(base)
        self.optimizer.load_state_dict({k: v for k, v in state_dict.items() if k != 'base_param_settings'})

    def train(self) -> None:
        """Put the weights that are trained into the model, where the optimizer keeps others to evaluate.

        Schedule-free optimizers (arXiv:2405.15682) do; for all others this does nothing.
        """
        if hasattr(self.optimizer, 'train'):
            self.optimizer.train()

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """While inside, the model has the weights to evaluate and to save."""
        optimizer: Any = self.optimizer
        if not hasattr(optimizer, 'eval') or not optimizer.param_groups[0].get('train_mode', True):
            yield
            return
        optimizer.eval()
        try:
            yield
        finally:
            optimizer.train()

    @property
    def param_groups(self) -> list[dict]:
        """The optimizer's groups, and last the base settings where there are such."""
        if self.base_param_settings is not None:
            return [*self.optimizer.param_groups, self.base_param_settings]
        return self.optimizer.param_groups

    @property
    def defaults(self) -> dict:
        return self.optimizer.defaults

    def get_lr(self) -> dict[str, list[float]]:
        """Learning rates: `lr` of all groups, and `base_lr` where there are base settings."""
        rates = {'lr': [group['lr'] for group in self.optimizer.param_groups]}
        if self.base_param_settings is not None:
            return {'base_lr': [self.base_param_settings['lr']], **rates}
        return rates

    def get_momentum(self) -> dict[str, list[float]]:
        """Momentum, or first beta, of all groups; 0 for an optimizer without."""
        momentum = []
        for group in self.optimizer.param_groups:
            if 'momentum' in group:
                momentum.append(group['momentum'])
            else:
                momentum.append(group['betas'][0] if 'betas' in group else 0)
        return {'momentum': momentum}
