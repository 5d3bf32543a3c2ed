"""Freezes and unfreezes parts of a model at given times."""

from __future__ import annotations

import difflib
import gc
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parallel import DistributedDataParallel

from mmengine.registry import HOOKS
from mmengine.utils.errors import ConfigError

from .hook import DATA_BATCH, Hook
from .training_state import bare_model, optimizers_of

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class FreezeHook(Hook):
    """Keeps parameters as they are from `begin` on and before `end`.

    A frozen parameter gets no gradient, so that its optimizer neither steps nor decays it; its group, momenta and
    schedule stay and count again when it is unfrozen. What is frozen follows from the counters of the run alone, so
    that a resumed run continues exactly. What the model itself froze stays so.

    Args:
        params: regular expressions that names of parameters begin with, one or several.
        begin, end: epochs or iterations done; `end=None` never unfreezes.
        by_epoch: the unit of `begin` and `end`.
        norm_eval: normalise by the running statistics in frozen layers, and do not update them.
        phases: several of these at once, as `dict(params=..., begin=0, end=None)`. A parameter is frozen while any
            phase says so; use one hook for what overlaps.
    """

    priority = 'ABOVE_NORMAL'

    def __init__(
        self,
        params: str | Sequence[str] | None = None,
        begin: int = 0,
        end: int | None = None,
        by_epoch: bool = True,
        norm_eval: bool = True,
        phases: Sequence[dict[str, Any]] | None = None,
    ) -> None:
        if (params is None) == (phases is None):
            raise ConfigError('FreezeHook takes `params` (with `begin` and `end`), or `phases`')
        self.phases = [_phase(**p) for p in phases or [{'params': params, 'begin': begin, 'end': end}]]
        self.by_epoch = by_epoch
        self.norm_eval = norm_eval
        self._times = {phase[t] for phase in self.phases for t in ('begin', 'end')}
        self._matched: list[list[str]] = []
        self._trainable: dict[str, nn.Parameter] = {}
        self._frozen: set[str] = set()
        self._norms: list[nn.Module] = []

    def before_train(self, runner: Runner) -> None:
        self._check_times(runner)
        params = dict(bare_model(runner).named_parameters(remove_duplicate=False))
        for name in self._frozen:  # a training before ended in an error
            params[name].requires_grad_(True)
        self._trainable = {name: p for name, p in params.items() if p.requires_grad}
        self._matched = [self._match(phase['params'], params) for phase in self.phases]
        self._check_optimizers(runner)
        self._frozen = set()
        self._norms = []
        self._apply(runner)

    def before_train_epoch(self, runner: Runner) -> None:
        if self.by_epoch and runner.epoch in self._times:
            self._apply(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        if not self.by_epoch and runner.iter in self._times:
            self._apply(runner)
        # The loops put the whole model to train mode at each epoch and after each validation.
        if self._norms and self._norms[0].training:
            for norm in self._norms:
                norm.eval()

    def after_train(self, runner: Runner) -> None:
        """Leave the model as it was."""
        for name in self._frozen:
            self._trainable[name].requires_grad_(True)
        self._frozen = set()
        self._norms = []

    def frozen(self, step: int) -> set[str]:
        """Names of the parameters that are frozen when `step` epochs (iterations) are done."""
        active = [
            names
            for phase, names in zip(self.phases, self._matched, strict=True)
            if phase['begin'] <= step and (phase['end'] is None or step < phase['end'])
        ]
        return {name for names in active for name in names if name in self._trainable}

    def _apply(self, runner: Runner) -> None:
        now = runner.epoch if self.by_epoch else runner.iter
        frozen = self.frozen(now)
        if frozen == self._frozen:
            return
        if len(frozen) == len(self._trainable):
            raise ConfigError(
                f'FreezeHook would freeze all parameters from {now} {"epochs" if self.by_epoch else "iterations"} on'
            )
        for name in self._frozen - frozen:
            self._trainable[name].requires_grad_(True)
        for name in frozen - self._frozen:
            self._trainable[name].requires_grad_(False).grad = None
        for norm in self._norms:
            norm.train()
        self._norms = _norms_of(bare_model(runner), frozen) if self.norm_eval else []
        begun, ended = len(frozen - self._frozen), len(self._frozen - frozen)
        self._frozen = frozen
        runner.logger.info(
            f'FreezeHook: {begun} parameters freeze and {ended} unfreeze after {now} '
            f'{"epochs" if self.by_epoch else "iterations"}; {len(frozen)} of {len(self._trainable)} are frozen.'
        )
        _wrap_anew(runner)

    # ------------------------------------------------------------------ checks

    def _check_times(self, runner: Runner) -> None:
        total = runner.max_epochs if self.by_epoch else runner.max_iters
        unit = 'epochs' if self.by_epoch else 'iterations'
        for phase in self.phases:
            late = phase['begin'] if phase['begin'] >= total else phase['end']
            if late is not None and late > total or late == phase['begin']:
                hint = '; in a run that counts iterations, set by_epoch=False' if self.by_epoch else ''
                raise ConfigError(f'FreezeHook would act after {late} {unit}, but the run has {total}{hint}')

    def _match(self, patterns: Sequence[str], params: dict[str, nn.Parameter]) -> list[str]:
        found: list[str] = []
        for pattern in patterns:
            names = [name for name in params if re.match(pattern, name)]
            if not names:
                near = difflib.get_close_matches(
                    pattern, [*params, *{n.split('.')[0] for n in params}], n=1, cutoff=0.3
                )
                hint = f'; the nearest is {near[0]!r}' if near else ''
                raise ConfigError(f'no parameter of the model begins with {pattern!r} (params of FreezeHook){hint}')
            found += names
        return found

    def _check_optimizers(self, runner: Runner) -> None:
        """What will be unfrozen must be in an optimizer, or it would only seem to be trained."""
        held = {id(p) for _, opt in optimizers_of(runner) for group in opt.param_groups for p in group['params']}
        for phase, names in zip(self.phases, self._matched, strict=True):
            lost = [n for n in names if n in self._trainable and id(self._trainable[n]) not in held]
            if phase['end'] is not None and lost:
                raise ConfigError(f'FreezeHook would unfreeze {lost[0]}, which is in no optimizer; see paramwise_cfg')


def _phase(params: str | Sequence[str], begin: int = 0, end: int | None = None) -> dict[str, Any]:
    if begin < 0 or (end is not None and end <= begin):
        raise ConfigError(f'a phase of FreezeHook needs 0 <= begin < end, but got begin={begin}, end={end}')
    return {'params': [params] if isinstance(params, str) else list(params), 'begin': begin, 'end': end}


def _norms_of(model: nn.Module, frozen: set[str]) -> list[nn.Module]:
    """Layers with running statistics whose parameters are all frozen; without parameters, those of frozen blocks."""
    found: list[nn.Module] = []
    for name, module in model.named_modules():
        if not isinstance(module, _NormBase):
            continue
        names = [f'{name}.{p}' for p, _ in module.named_parameters()]
        if not names:
            block = f'{name.rpartition(".")[0]}.'
            names = [n for n, _ in model.named_parameters() if n.startswith(block)]
        if names and frozen.issuperset(names):
            found.append(module)
    return found


def _wrap_anew(runner: Runner) -> None:
    """DistributedDataParallel waits for the gradients of what needed one when it was made: make it again."""
    if not isinstance(runner.model, DistributedDataParallel):
        return
    model = bare_model(runner)
    training = model.training
    runner.model = model
    gc.collect()  # the hooks of the wrapper before must be gone from the parameters
    runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)
    runner.model.train(training)
