"""Accumulates gradients, clips and steps, so that models and loops need not know of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import Optimizer

from mmengine.logging import MessageHub, print_log
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.utils.errors import ConfigError

from .base import BaseOptimWrapper

_NO_CONTEXT = nullcontext()  # stateless, so one serves all iterations
_CLIP: dict[str, Callable[..., Any]] = {'norm': clip_grad_norm_, 'value': clip_grad_value_}


@OPTIM_WRAPPERS.register_module()
class OptimWrapper(BaseOptimWrapper):
    """An optimizer, with accumulation and clipping of gradients.

    `update_params` is called once an iteration. With `accumulative_counts=n` every n-th call steps; where the number
    of iterations is no multiple of n, the remainder at the end steps too, with the mean over the remainder.

    Args:
        accumulative_counts: iterations whose gradients are averaged for a step.
        clip_grad: arguments of `clip_grad_norm_`, or with `type='value'` of `clip_grad_value_`. The norm before
            clipping is logged as `train/grad_norm`.
    """

    def __init__(self, optimizer: Optimizer, accumulative_counts: int = 1, clip_grad: dict | None = None) -> None:
        if not hasattr(optimizer, 'param_groups'):
            raise TypeError(f'optimizer should be a torch.optim.Optimizer, but got {type(optimizer).__name__}')
        if not isinstance(accumulative_counts, int) or accumulative_counts < 1:
            raise ConfigError(f'accumulative_counts should be an integer of at least 1, got {accumulative_counts!r}')
        super().__init__(optimizer)
        self._accumulative_counts = accumulative_counts
        self.clip_grad_kwargs: dict[str, Any] | None = None
        if clip_grad is not None:
            if not isinstance(clip_grad, dict) or not clip_grad:
                raise ConfigError(f'clip_grad should be None or a dict such as dict(max_norm=1.0), got {clip_grad!r}')
            clip_grad = dict(clip_grad)
            kind = clip_grad.pop('type', 'norm')
            if kind not in _CLIP:
                raise ConfigError(f"the type of clip_grad should be 'norm' or 'value', but got {kind!r}")
            self.clip_func = _CLIP[kind]
            self.grad_name = f'grad_{kind}'
            self.clip_grad_kwargs = clip_grad
        self.message_hub = MessageHub.get_current_instance()
        self._plan: list[float] | None = None  # shares of the losses that the coming update still waits for
        self._inner_count = 0  # iterations begun, of all
        self._max_counts = -1  # iterations of the whole training, -1: not known
        self._remainder_counts = -1  # of these, how many the last step averages

    def update_params(self, loss: Tensor, step_kwargs: dict | None = None, zero_kwargs: dict | None = None) -> None:
        """Backward, and if this iteration completes an accumulation: clip, step, and clear the gradients.

        Args:
            loss: a scalar.
            step_kwargs, zero_kwargs: for the optimizer's `step` and `zero_grad`.
        """
        self.backward(self.scale_loss(loss))
        if self.should_update():
            self.step(**(step_kwargs or {}))
            self.zero_grad(**(zero_kwargs or {}))

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        loss.backward(**kwargs)
        self._inner_count += 1

    def step(self, **kwargs: Any) -> None:
        if self.clip_grad_kwargs is not None:
            self._clip_grad()
        super().step(**kwargs)

    def optim_context(self, model: Any) -> AbstractContextManager[None]:
        """To run the forward and `update_params` in: gradients are not exchanged between ranks before the last
        iteration of an accumulation.
        """
        return _NO_CONTEXT if self.should_sync() else self._without_sync(model)

    @contextmanager
    def _without_sync(self, model: Any) -> Iterator[None]:
        if hasattr(model, 'no_sync'):
            with model.no_sync():
                yield
        else:
            # FSDP2 exchanges them every time: kept back, they would be whole on every rank and in no checkpoint.
            yield

    def _clip_grad(self) -> None:
        params = [
            param
            for group in self.optimizer.param_groups
            for param in group['params']
            if param.requires_grad and param.grad is not None
        ]
        if not params:
            return
        norm = self.clip_func(params, **(self.clip_grad_kwargs or {}))
        if norm is not None:
            # A sharded model's norm is a DTensor. It stays on its device; the log reads it when it needs it.
            norm = norm.full_tensor() if hasattr(norm, 'full_tensor') else norm
            self.message_hub.update_scalar(f'train/{self.grad_name}', norm)

    def initialize_count_status(self, model: nn.Module, init_counts: int, max_counts: int) -> None:
        """Tell how many iterations are done, and how many there will be, so that the end is averaged rightly.

        Args:
            init_counts: iterations done.
            max_counts: iterations of the whole training.
        """
        self._inner_count = init_counts
        self._max_counts = max_counts
        self._remainder_counts = max_counts % self._accumulative_counts
        if self._accumulative_counts == 1:
            return
        if init_counts % self._accumulative_counts and not self._has_grad():
            print_log(
                f'The run continues at iteration {init_counts}, between two updates of '
                f'accumulative_counts={self._accumulative_counts}, but the checkpoint has no accumulated gradients: '
                'the next update lacks those of the iterations before.',
                logger='current',
                level=logging.WARNING,
            )
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules()):
            print_log(
                'Batch normalization takes its statistics from each iteration alone, also with accumulated gradients.',
                logger='current',
                level=logging.WARNING,
            )

    def plan_update(self, shares: Sequence[float]) -> None:
        """Make one update of the next `len(shares)` calls of `update_params`, each loss multiplied by its share.

        This is for whoever knows what belongs together; `accumulative_counts` does not count from then on.
        """
        self._plan = list(shares)

    def should_update(self) -> bool:
        """Whether the last backward completed an accumulation."""
        if self._plan is not None:
            return not self._plan
        return self._inner_count % self._accumulative_counts == 0 or self._inner_count == self._max_counts

    def should_sync(self) -> bool:
        """Whether the next backward completes an accumulation."""
        if self._plan is not None:
            return len(self._plan) <= 1
        count = self._inner_count + 1
        return count % self._accumulative_counts == 0 or count == self._max_counts

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss divided by the number of iterations that the coming step averages."""
        if self._plan:
            share = self._plan.pop(0)
            return loss if share == 1 else loss * share
        if self._accumulative_counts == 1:
            return loss
        in_remainder = self._max_counts > 0 and self._inner_count >= self._max_counts - self._remainder_counts
        return loss / ((in_remainder and self._remainder_counts) or self._accumulative_counts)

    @property
    def inner_count(self) -> int:
        """Iterations done."""
        return self._inner_count

    def _params(self) -> list[nn.Parameter]:
        return [param for group in self.optimizer.param_groups for param in group['params']]

    def _has_grad(self) -> bool:
        return any(param.grad is not None for param in self._params())

    def state_dict(self) -> dict:
        """The optimizer's state. Where gradients are accumulated also `inner_count`, and between two steps
        `accumulated_grads`: gradient by index of the parameter, of this rank alone.
        """
        state = super().state_dict()
        if self._accumulative_counts > 1:
            state['inner_count'] = self._inner_count
            if not self.should_update():
                state['accumulated_grads'] = self.gradients()
        return state

    def gradients(self) -> dict[int, Tensor]:
        """Copies of the gradients that are there, by index of the parameter."""
        return {i: p.grad.detach().clone() for i, p in enumerate(self._params()) if p.grad is not None}

    def load_state_dict(self, state_dict: dict) -> None:
        state = dict(state_dict)
        count, grads = state.pop('inner_count', None), state.pop('accumulated_grads', None)
        super().load_state_dict(state)
        if count is not None:
            self._inner_count = count
        # A run that accumulates no more cannot finish the update that another had begun.
        if grads is not None and (count is None or self._accumulative_counts > 1):
            for i, param in enumerate(self._params()):
                grad = grads.get(i)
                param.grad = None if grad is None else torch.empty_like(param).copy_(grad)

    def __repr__(self) -> str:
        return (
            f'Type: {type(self).__name__}\n'
            f'_accumulative_counts: {self._accumulative_counts}\noptimizer: \n{self.optimizer}\n'
        )
