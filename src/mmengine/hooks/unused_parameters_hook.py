"""Names the parameters that do not take part in the training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from torch.optim import Optimizer

from mmengine.registry import HOOKS
from mmengine.utils.errors import ConfigError

from .hook import Hook
from .training_state import bare_model, before_steps, optimizers_of

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class UnusedParametersHook(Hook):
    """Before the first update, looks for trainable parameters without a gradient, or in no optimizer.

    On several processes such parameters end a run with an error that does not name them.

    Args:
        action: 'warn', or 'error' to end the run.
    """

    priority = 'NORMAL'

    def __init__(self, action: str = 'warn') -> None:
        if action not in ('warn', 'error'):
            raise ConfigError(f"action of UnusedParametersHook should be 'warn' or 'error', but got {action!r}")
        self.action = action
        self._handles: list = []

    def before_train(self, runner: Runner) -> None:
        names = {id(p): name for name, p in bare_model(runner).named_parameters() if p.requires_grad}
        held = {id(p) for _, opt in optimizers_of(runner) for group in opt.param_groups for p in group['params']}
        outside = [name for key, name in names.items() if key not in held]
        if outside:
            self._report(runner, f'are in no optimizer and stay as they are: {collapsed(outside, names.values())}')

        def audit(_: str, optimizer: Optimizer) -> None:
            for group in optimizer.param_groups:
                for param in group['params']:
                    if param.requires_grad and param.grad is None:
                        without[id(param)] = names.get(id(param), '?')
                    else:
                        without.pop(id(param), None)
            audited.add(id(optimizer))
            if len(audited) == len(self._handles):
                self._close()
                if without:
                    self._report(
                        runner,
                        f'got no gradient in the first step: {collapsed(without.values(), names.values())}. '
                        'Remove or freeze them (FreezeHook), or, where other batches use them, set '
                        'model_wrapper_cfg=dict(type="MMDistributedDataParallel", find_unused_parameters=True) '
                        'for several processes',
                    )

        without: dict[int, str] = {}
        audited: set[int] = set()
        self._handles = before_steps(runner, audit)

    def after_train(self, runner: Runner) -> None:
        self._close()

    def _close(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _report(self, runner: Runner, text: str) -> None:
        if self.action == 'error':
            raise ConfigError(f'trainable parameters {text}')
        runner.logger.warning(f'trainable parameters {text}')


def collapsed(names: Iterable[str], all_names: Iterable[str]) -> str:
    """`names`, with a module in place of its parameters where all of them are listed: `head.* (4), neck.bias`."""
    left, everything, parts = list(names), list(all_names), []
    while left:
        pieces = left[0].split('.')
        for depth in range(1, len(pieces) + 1):
            prefix = '.'.join(pieces[:depth]) + ('.' if depth < len(pieces) else '')
            inside = [n for n in everything if n == prefix or (prefix.endswith('.') and n.startswith(prefix))]
            if inside and set(inside) <= set(left) or depth == len(pieces):
                parts.append(f'{prefix}* ({len(inside)})' if len(inside) > 1 else left[0])
                left = [n for n in left if n not in inside and n != left[0]]
                break
    return ', '.join(parts)
