"""What hooks share: the model without wrappers, and gradients right before a step, as they are cleared after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from mmengine.dataset.update_loader import UpdateLoader
from mmengine.model import is_model_wrapper

if TYPE_CHECKING:
    from mmengine.runner import Runner


def bare_model(runner: Runner) -> nn.Module:
    """The user's model inside of whatever wraps it."""
    model: Any = runner.model
    while is_model_wrapper(model):
        model = model.module
    return model


def batches_of(runner: Runner, data_batch: Any) -> list:
    """The batches of a training iteration: one, or with `step_unit='update'` those of an update."""
    return data_batch if isinstance(runner.train_loop.dataloader, UpdateLoader) else [data_batch]


def optimizers_of(runner: Runner) -> Iterator[tuple[str, Optimizer]]:
    """The optimizers of a run by name; the only one has the name ''."""
    wrapper = runner.optim_wrapper
    if hasattr(wrapper, 'optimizer'):
        yield '', wrapper.optimizer
    else:
        for name, one in wrapper.items():
            yield name, one.optimizer


def before_steps(runner: Runner, call: Callable[[str, Optimizer], None]) -> list[RemovableHandle]:
    """Have `call(name, optimizer)` run before each step of each optimizer; removing the handles ends it.

    Gradients are accumulated, exchanged and clipped by then. A step that a loss scaler skips is not seen.
    """

    def hooked(name: str) -> Callable[[Optimizer, Any, Any], None]:
        return lambda optimizer, args, kwargs: call(name, optimizer)

    return [optimizer.register_step_pre_hook(hooked(name)) for name, optimizer in optimizers_of(runner)]


def gradients_of(optimizer: Optimizer) -> list[tuple[nn.Parameter, Tensor]]:
    """The parameters of an optimizer that have a gradient, with it."""
    return [(p, p.grad) for group in optimizer.param_groups for p in group['params'] if p.grad is not None]
