"""Ends a training, or skips a step, where numbers stop being finite, and says where that began."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mmengine.dist import all_reduce
from mmengine.registry import HOOKS
from mmengine.utils.errors import ConfigError, MMError

from .hook import DATA_BATCH, Hook
from .training_state import bare_model, batches_of, before_steps, gradients_of

if TYPE_CHECKING:
    from mmengine.runner import Runner


class NonFiniteError(MMError, FloatingPointError):
    """A loss or a parameter became NaN or infinite."""


@HOOKS.register_module()
class NaNGuardHook(Hook):
    """Looks for losses and parameters that are NaN or infinite.

    The batch is kept in `<work_dir>/nan_guard/iter_<n>_rank<r>.pth` (`torch.load(..., weights_only=False)`), and the
    model is run on it once more to name the first module whose output, and the first parameter whose gradient, is not
    finite.

    `action='stop'` keeps flags on the device and reads them every `interval` iterations, and before a checkpoint is
    written; it holds the batches since and, for the diagnosis, a copy of the weights on their device. The run ends in
    a NonFiniteError. `action='skip'` looks at the gradients before each step, which waits for the device each time,
    drops those that are not finite, and restores the buffers of the model; the run goes on.

    Args:
        action: 'stop' or 'skip'.
        interval: iterations between two looks, that of the logger, which waits for the device anyway.
        max_skips: steps skipped in a row after which the run ends nevertheless.
        max_batches: batches that are kept on disk.
        keep_weights: without it, `action='stop'` takes no copy of the weights and names no module.
    """

    # Before the hooks that log and save.
    priority = 'ABOVE_NORMAL'

    def __init__(
        self,
        action: str = 'stop',
        interval: int = 10,
        max_skips: int = 10,
        max_batches: int = 5,
        keep_weights: bool = True,
    ) -> None:
        if action not in ('stop', 'skip'):
            raise ConfigError(f"action of NaNGuardHook should be 'stop' or 'skip', but got {action!r}")
        if interval < 1:
            raise ConfigError(f'interval should be at least 1, but got {interval}')
        self.action = action
        self.interval = interval
        self.max_skips = max_skips
        self.max_batches = max_batches
        self.keep_weights = keep_weights
        self._recent: deque[tuple[int, Any, Tensor]] = deque()  # iteration, batch, whether its loss is finite
        self._good: list[tuple[Tensor, Tensor]] = []  # tensors of the model, and what they were
        self._good_iter = 0
        self._dropped: nn.Parameter | None = None  # the first with a bad gradient, where a step was skipped
        self._skips = 0
        self._kept = 0
        self._handles: list = []

    def before_train(self, runner: Runner) -> None:
        self._recent.clear()
        self._good.clear()
        model = bare_model(runner)
        if self.action == 'skip':
            self._good = [(b, b.detach().clone()) for b in model.buffers()]
            self._handles = before_steps(runner, self._drop)
        elif self.keep_weights:
            self._good = [(t, t.detach().clone()) for t in [*model.parameters(), *model.buffers()]]
            self._good_iter = runner.iter

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        self._dropped = None
        if self.action == 'skip':
            self._remember()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict | None = None
    ) -> None:
        finite = _all_finite(v for k, v in (outputs or {}).items() if 'loss' in k and isinstance(v, Tensor))
        if self.action == 'skip':
            self._skip_if_bad(runner, data_batch, bool(finite))
            return
        self._recent.append((runner.iter, data_batch, finite))
        if (runner.iter + 1) % self.interval == 0 or self.is_last_train_iter(runner):
            self._look(runner)
            self._recent.clear()
            self._good_iter = runner.iter + 1
            self._remember()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        # Rank 0 alone is here. What is on disk must be worth resuming from.
        if self.action == 'stop':
            self._look(runner, together=False)

    def after_train(self, runner: Runner) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._recent.clear()
        self._good.clear()

    def _remember(self) -> None:
        if self._good:
            with torch.no_grad():
                torch._foreach_copy_([copy for _, copy in self._good], [tensor for tensor, _ in self._good])

    def _restore(self) -> None:
        with torch.no_grad():
            for tensor, copy in self._good:
                tensor.copy_(copy)

    # ------------------------------------------------------------------ stop

    def _look(self, runner: Runner, together: bool = True) -> None:
        """Read the flags, of all ranks, and raise if one is up."""
        params = dict(bare_model(runner).named_parameters())
        whole = _all_finite(params.values())
        flags = torch.stack([*(flag.to(whole.device) for _, _, flag in self._recent), whole]).int()
        mine = flags.tolist()
        if together:
            all_reduce(flags, 'min')
        everywhere = flags.tolist() if together else mine
        if all(everywhere):
            return
        broken = next((name for name, p in params.items() if not _all_finite([p])), None)
        what = [f'the parameter {broken} is not finite'] if broken is not None else []
        iteration = runner.iter
        if not all(everywhere[:-1]):
            position = everywhere.index(0)
            iteration, batch, _ = self._recent[position]
            where = ' on another rank' if mine[position] else ''
            what.insert(0, f'the loss of iteration {iteration + 1} is not finite{where}')
            what += self._diagnose(runner, iteration, batch, together)
        raise NonFiniteError('; '.join(what) + f' (found after iteration {runner.iter + 1})')

    def _diagnose(self, runner: Runner, iteration: int, batch: Any, together: bool) -> list[str]:
        place = []
        # A model that is synchronised between ranks cannot be run on one of them.
        if self._good and (together or runner.world_size == 1):
            self._restore()
            found = first_non_finite(runner, iteration, batch) or 'it does not happen again'
            place = [f'{found} (with the weights after iteration {self._good_iter})']
        return place + self._keep(runner, iteration, batch)

    def _keep(self, runner: Runner, iteration: int, batch: Any) -> list[str]:
        if self._kept >= self.max_batches:
            return []
        self._kept += 1
        path = Path(runner.work_dir, 'nan_guard', f'iter_{iteration + 1}_rank{runner.rank}.pth')
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({'iter': iteration + 1, 'seed': runner.base_seed, 'data_batch': batch}, path)
        return [f'the batch is in {path}']

    # ------------------------------------------------------------------ skip

    def _drop(self, name: str, optimizer: Optimizer) -> None:
        """Before a step: without gradients, an optimizer leaves parameters and momenta as they are."""
        pairs = gradients_of(optimizer)
        if not pairs or bool(_all_finite(grad for _, grad in pairs)):
            return
        self._dropped = next(param for param, grad in pairs if not _all_finite([grad]))
        for param, _ in pairs:
            param.grad = None

    def _skip_if_bad(self, runner: Runner, data_batch: DATA_BATCH, finite: bool) -> None:
        # All ranks act alike: running the model once more may need all of them.
        well = torch.tensor(int(finite and self._dropped is None))
        all_reduce(well, 'min')
        if well:
            self._skips = 0
            return
        self._skips += 1
        what = [f'iteration {runner.iter + 1}: {"a gradient" if finite else "the loss"} is not finite']
        if self._dropped is not None:
            names = {id(p): name for name, p in bare_model(runner).named_parameters()}
            what.append(f'the step is skipped, the first bad gradient is that of {names.get(id(self._dropped), "?")}')
        self._restore()
        if self._kept < self.max_batches:
            what += filter(None, [first_non_finite(runner, runner.iter, data_batch)])
            what += self._keep(runner, runner.iter, data_batch)
            self._restore()
        if self._skips > self.max_skips:
            raise NonFiniteError(f'{"; ".join(what)}; {self._skips} iterations in a row')
        runner.logger.warning('; '.join(what))


def _all_finite(tensors: Iterable[Tensor]) -> Tensor:
    """A flag on the device: whether all tensors are finite. Does not wait."""
    tensors = [t.detach() for t in tensors if t.numel() and t.is_floating_point()]
    if not tensors:
        return torch.tensor(True)
    # The largest absolute value does not overflow, and is NaN where one is.
    largest = torch._foreach_norm(tensors, float('inf'))
    wide = torch.float64 if any(v.dtype == torch.float64 for v in largest) else torch.float32
    return torch.stack([v.to(largest[0].device, wide) for v in largest]).isfinite().all()


def first_non_finite(runner: Runner, iteration: int, batch: Any) -> str:
    """Run the model once more as in that iteration: the first module with an output, or parameter with a gradient, that
    is not finite; '' if there is none. Gradients and weights stay as they are.
    """
    model: Any = bare_model(runner)
    if not hasattr(model, 'parse_losses'):
        return ''
    found: list[str] = []

    def watch(name: str) -> Any:
        def look(module: nn.Module, args: Any, output: Any) -> None:
            if not found and not _all_finite(_tensors(output)):
                inputs = 'finite' if _all_finite(_tensors(args)) else 'not finite either'
                kind = type(module).__name__
                found.append(f'the first output that is not finite is that of {name} ({kind}), its inputs are {inputs}')

        return look

    handles = [module.register_forward_hook(watch(name)) for name, module in model.named_modules() if name]
    try:
        runner.seed_step(iteration)
        wrapper = runner.optim_wrapper
        # With the precision of the training; of several optimizers the model chooses it by itself.
        precision = wrapper.optim_context(model) if hasattr(wrapper, 'optimizer') else nullcontext()
        with torch.enable_grad(), precision:
            inputs = [model.data_preprocessor(one, True) for one in batches_of(runner, batch)]
            loss = sum(model.parse_losses(model._run_forward(one, mode='loss'))[0] for one in inputs)
        if found:
            return found[0]
        params = {name: p for name, p in model.named_parameters() if p.requires_grad}
        grads = torch.autograd.grad(loss, list(params.values()), allow_unused=True)
        # The gradients of later layers are computed first.
        for (name, _), grad in reversed(list(zip(params.items(), grads, strict=True))):
            if grad is not None and not _all_finite([grad]):
                return f'the outputs of all modules are finite; the first gradient that is not is that of {name}'
        return '' if _all_finite([loss]) else 'the outputs of all modules are finite, the loss is not'
    finally:
        for handle in handles:
            handle.remove()


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for each in value for t in _tensors(each)] if isinstance(value, (list, tuple)) else []
