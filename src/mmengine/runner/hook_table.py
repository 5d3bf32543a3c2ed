"""Which hook methods run at which stage, in which order: worked out at registration, looked up in the loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from mmengine.hooks import Hook
from mmengine.hooks.hook import STAGE_ARGUMENTS, generic_stage
from mmengine.registry import HOOKS
from mmengine.utils import is_method_overridden
from mmengine.utils.errors import ArgumentError

from .hook_config import build_hook, with_defaults
from .hook_order import check_names, name_of, order_hooks
from .hook_profile import HookProfile


class HookTable:
    """The hooks of a run in their order (`hook_order`), and a table of their methods.

    A stage that no hook implements costs one look-up in a dict. With a profile, the methods are timed.
    """

    def __init__(self) -> None:
        self.profile: HookProfile | None = None
        self.hooks: list[Hook] = []
        self.origins: dict[int, str] = {}
        self._methods: dict[str, list[Callable]] = {}

    def add(self, hook: Hook, origin: str = '') -> None:
        """Put `hook` behind those of the same or a higher priority, or where its `before` and `after` say.

        Args:
            origin: where the config asked for it, for messages.

        Raises:
            ArgumentError: a method of the hook does not take what the runner passes at that stage, or its place
                contradicts those of others.
        """
        check_signatures(hook, origin)
        try:
            self.hooks[:] = order_hooks([*self.hooks, hook])
        except ArgumentError as error:
            if origin:
                error.add_note(f'  at {origin}')
            raise
        self.origins[id(hook)] = origin
        self._methods.clear()

    def methods(self, stage: str) -> list[Callable]:
        """The bound methods that run at `stage`, in order."""
        found = self._methods.get(stage)
        if found is None:
            hooks = [h for h in self.hooks if implements(h, stage)]
            timed = self.profile.wrap if self.profile is not None else _as_it_is
            found = self._methods[stage] = [timed(h, stage, getattr(h, stage)) for h in hooks]
        return found

    def call(self, stage: str, runner: Any, **kwargs: Any) -> None:
        """Run all methods of `stage`; an exception keeps its traceback and gains a note that names the hook."""
        methods = self._methods.get(stage)
        if methods is None:
            methods = self.methods(stage)
        method: Any = None
        try:
            for method in methods:
                method(runner, **kwargs)
        except Exception as error:
            hook = getattr(method, '__self__', method)
            error.add_note(self._note(hook, stage, runner))
            raise

    def _note(self, hook: Any, stage: str, runner: Any) -> str:
        origin = self.origins.get(id(hook), '')
        loop = getattr(runner, '_train_loop', None)
        iteration = getattr(loop, 'iter', None)
        return (
            f'in hook {name_of(hook)} at stage {stage}, priority {getattr(hook, "priority", "?")}'
            + ('' if iteration is None else f', iteration {iteration}')
            + (f', from {origin}' if origin else '')
        )

    def describe(self) -> str:
        """Stage by stage: which hooks run, in which order, at which priority, and where a config asked for them."""
        lines = []
        for stage in STAGE_ARGUMENTS:
            hooks = [h for h in self.hooks if implements(h, stage)]
            if hooks:
                lines.append(f'{stage}:')
                lines += [f'({h.priority!s:<12}) {name_of(h):<35}{self.origins.get(id(h), "")}' for h in hooks]
                lines.append(' -------------------- ')
        return '\n'.join(lines)


def table_of_config(cfg: Any) -> HookTable:
    """The hooks that a run with this config has, without the run: for `mmseg show hooks`."""
    table = HookTable()
    with HOOKS.switch_scope_and_registry(cfg.get('default_scope')):
        for hook in [*with_defaults(cfg.get('default_hooks')), *(cfg.get('custom_hooks') or [])]:
            table.add(*build_hook(hook))
        check_names(table.hooks, lambda name: HOOKS.get(name) is not None)
    return table


def _as_it_is(hook: Hook, stage: str, method: Callable) -> Callable:
    return method


def implements(hook: Hook, stage: str) -> bool:
    """Whether `hook` does something at `stage`, itself or through the mode-generic method.

    Stages beyond the built-in ones belong to loops of users: any hook with a method of that name takes part.
    """
    if stage not in STAGE_ARGUMENTS:
        return callable(getattr(hook, stage, None))
    generic = generic_stage(stage)
    return (
        is_method_overridden(stage, Hook, hook)
        or stage in vars(hook)
        or (generic is not None and (is_method_overridden(generic, Hook, hook) or generic in vars(hook)))
    )


def check_signatures(hook: Hook, origin: str = '') -> None:
    """Raise an ArgumentError if a stage method of `hook` cannot be called as the runner will call it."""
    for stage, names in STAGE_ARGUMENTS.items():
        if not implements(hook, stage):
            continue
        signature = inspect.signature(getattr(hook, stage))
        try:
            signature.bind(None, **dict.fromkeys(names))
        except TypeError as error:
            gets = ', '.join(('runner', *names))
            raise ArgumentError(
                f'{type(hook).__name__}.{stage} takes {signature}, but the runner calls it with ({gets}): {error}'
                + (f'\n  at {origin}' if origin else '')
            ) from error
