"""Several optimizers of one model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from torch import Tensor, nn

from mmengine.utils.errors import CheckpointError

from .optimizer_wrapper import OptimWrapper


class OptimWrapperDict(OptimWrapper):
    """Optimizer wrappers by name, for a model whose `train_step` updates its parts one after another.

    What concerns one optimizer (`update_params`, `step`, `optim_context`, ...) is asked of one:
    `optim_wrapper['generator'].update_params(loss)`.
    """

    def __init__(self, **optim_wrapper_dict: OptimWrapper) -> None:
        for name, wrapper in optim_wrapper_dict.items():
            if not isinstance(wrapper, OptimWrapper):
                raise TypeError(f'OptimWrapperDict takes OptimWrappers, but {name} is a {type(wrapper).__name__}')
        self.optim_wrappers = optim_wrapper_dict

    def _refuse(self, method: str) -> NoReturn:
        one = next(iter(self.optim_wrappers), 'name')
        raise NotImplementedError(f'call `{method}` of each optimizer: optim_wrapper[{one!r}].{method}(...)')

    def update_params(self, loss: Tensor, step_kwargs: dict | None = None, zero_kwargs: dict | None = None) -> None:
        self._refuse('update_params')

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        self._refuse('backward')

    def step(self, **kwargs: Any) -> None:
        self._refuse('step')

    def optim_context(self, model: nn.Module) -> Any:
        self._refuse('optim_context')

    def zero_grad(self, **kwargs: Any) -> None:
        for wrapper in self.optim_wrappers.values():
            wrapper.zero_grad(**kwargs)

    def train(self) -> None:
        for wrapper in self.optim_wrappers.values():
            wrapper.train()

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        with ExitStack() as stack:
            for wrapper in self.optim_wrappers.values():
                stack.enter_context(wrapper.evaluating())
            yield

    def initialize_count_status(self, model: nn.Module, cur_iter: int, max_iters: int) -> None:
        """Does nothing: how often each optimizer updates is known to the model alone."""

    @property
    def param_groups(self) -> dict[str, list[dict]]:  # type: ignore[override]
        """Groups of each optimizer, by its name."""
        return {name: wrapper.param_groups for name, wrapper in self.optim_wrappers.items()}

    def get_lr(self) -> dict[str, list[float]]:
        """Learning rates by `{name}.lr` and `{name}.base_lr`."""
        return {f'{name}.{k}': v for name, wrapper in self.items() for k, v in wrapper.get_lr().items()}

    def get_momentum(self) -> dict[str, list[float]]:
        return {f'{name}.{k}': v for name, wrapper in self.items() for k, v in wrapper.get_momentum().items()}

    def state_dict(self) -> dict:
        """The states by name, with gradients that the backward of another optimizer's loss left: they are in the next
        step, unless that is made to clear them.
        """
        states = {name: wrapper.state_dict() for name, wrapper in self.optim_wrappers.items()}
        for name, state in states.items():
            left = self.optim_wrappers[name].gradients()
            if left:
                state.setdefault('accumulated_grads', left)
        return states

    def load_state_dict(self, state_dict: dict) -> None:
        unknown = [name for name in state_dict if name not in self.optim_wrappers]
        if unknown:
            raise CheckpointError(
                f'the checkpoint has states of the optimizers {", ".join(map(str, unknown))}, '
                f'but those of this run are {", ".join(self.optim_wrappers)}'
            )
        for name, state in state_dict.items():
            self.optim_wrappers[name].load_state_dict(state)

    def keys(self) -> Iterator[str]:
        yield from self.optim_wrappers.keys()

    def values(self) -> Iterator[OptimWrapper]:
        yield from self.optim_wrappers.values()

    def items(self) -> Iterator[tuple[str, OptimWrapper]]:
        yield from self.optim_wrappers.items()

    def __getitem__(self, key: str) -> OptimWrapper:
        if key not in self.optim_wrappers:
            raise KeyError(f'there is no optimizer {key!r}; there are {", ".join(self.optim_wrappers)}')
        return self.optim_wrappers[key]

    def __contains__(self, key: str) -> bool:
        return key in self.optim_wrappers

    def __len__(self) -> int:
        return len(self.optim_wrappers)

    def __repr__(self) -> str:
        return ''.join(f'name: {name}\n{wrapper}' for name, wrapper in self.optim_wrappers.items())
