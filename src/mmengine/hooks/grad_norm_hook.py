"""Logs norms of gradients, of the whole model and of parts of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.optim import Optimizer

from mmengine.registry import HOOKS
from mmengine.utils.errors import ConfigError

from .hook import Hook
from .training_state import bare_model, before_steps, gradients_of

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class GradNormHook(Hook):
    """Logs `train/grad_norm/total` and `train/grad_norm/<part>` as the gradients are when the optimizer steps.

    They are clipped by then; the norm before clipping is logged by the optimizer wrapper as `train/grad_norm`.
    Nothing waits for the device.

    Args:
        interval: iterations between two measurements.
        parts: names of parts with a regular expression each that the names of their parameters begin with. By
            default, the children of the model.
        norm_type: 2, or another order; `inf` is the largest absolute value.
    """

    priority = 'NORMAL'

    def __init__(self, interval: int = 10, parts: Mapping[str, str] | None = None, norm_type: float = 2.0) -> None:
        if interval < 1:
            raise ConfigError(f'interval should be at least 1, but got {interval}')
        self.interval = interval
        self.parts = dict(parts) if parts is not None else None
        self.norm_type = float(norm_type)
        self._handles: list = []

    def before_train(self, runner: Runner) -> None:
        names = [name for name, _ in bare_model(runner).named_parameters()]
        parts = self.parts
        if parts is None:
            parts = {child: re.escape(child) + r'\.' for child in dict.fromkeys(n.split('.')[0] for n in names)}
            parts = {child: p for child, p in parts.items() if any(re.match(p, n) for n in names)}
        for part, pattern in parts.items():
            if not any(re.match(pattern, n) for n in names):
                raise ConfigError(
                    f'no parameter of the model begins with {pattern!r} (the part {part!r} of GradNormHook)'
                )
        part_of = {
            id(p): [part for part, pattern in parts.items() if re.match(pattern, name)]
            for name, p in bare_model(runner).named_parameters()
        }

        def measure(optimizer_name: str, optimizer: Optimizer) -> None:
            if (runner.iter + 1) % self.interval:
                return
            pairs = gradients_of(optimizer)
            if not pairs:
                return
            norms = list(torch._foreach_norm([grad for _, grad in pairs], self.norm_type))
            scale = getattr(optimizer, 'grad_scale', None)  # a fused step undoes the loss scale by itself
            members: dict[str, list[Tensor]] = {'total': norms}
            for (param, _), norm in zip(pairs, norms, strict=True):
                for part in part_of.get(id(param), ()):
                    members.setdefault(part, []).append(norm)
            place = f'train/{optimizer_name}.grad_norm' if optimizer_name else 'train/grad_norm'
            for part, values in members.items():
                device = values[0].device
                norm = torch.linalg.vector_norm(torch.stack([v.to(device).float() for v in values]), self.norm_type)
                runner.message_hub.update_scalar(f'{place}/{part}', norm if scale is None else norm / scale)

        self._handles = before_steps(runner, measure)

    def after_train(self, runner: Runner) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
