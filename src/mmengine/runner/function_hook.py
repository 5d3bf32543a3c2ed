"""A plain function as a hook."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.hooks.hook import STAGE_ARGUMENTS
from mmengine.utils.errors import ArgumentError


class FunctionHook(Hook):
    """Calls `function(runner, ...)` at `stage`, with those of the arguments of the stage that it takes by name.

    Args:
        stage: such as 'after_train_iter'; `mmengine.hooks.hook` lists all.
        priority, before, after: as of every hook.

    Raises:
        ArgumentError: there is no such stage, or the function takes what the stage does not give.
    """

    def __init__(
        self,
        stage: str,
        function: Callable[..., Any],
        priority: str | int | None = None,
        before: str | Sequence[str] = (),
        after: str | Sequence[str] = (),
    ) -> None:
        if stage not in STAGE_ARGUMENTS:
            near = difflib.get_close_matches(stage, STAGE_ARGUMENTS, n=1)
            hint = f'; did you mean {near[0]!r}?' if near else ''
            raise ArgumentError(
                f'there is no stage {stage!r}{hint} (for a stage of a loop of your own, write a Hook with that method)'
            )
        self.stage = stage
        self.function = function
        self.display_name = getattr(function, '__qualname__', type(function).__name__).replace('.<locals>', '')
        self._takes = self._arguments()
        if priority is not None:
            self.priority = priority
        self.before, self.after = before, after
        setattr(self, stage, self._call)

    def _arguments(self) -> tuple[str, ...]:
        given = STAGE_ARGUMENTS[self.stage]
        signature = inspect.signature(self.function)
        parameters = list(signature.parameters.values())
        takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
        # The first parameter, whatever its name, is the runner.
        names = {p.name for p in parameters[1:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        taken = given if takes_all else tuple(name for name in given if name in names)
        try:
            signature.bind(None, **dict.fromkeys(taken))
        except TypeError as error:
            raise ArgumentError(
                f'{self.display_name}{signature} cannot be called at {self.stage}, which gives '
                f'({", ".join(("runner", *given))}): {error}'
            ) from error
        return taken

    def _call(self, runner: Any, **kwargs: Any) -> None:
        self.function(runner, **{name: kwargs[name] for name in self._takes})

    def get_triggered_stages(self) -> list[str]:
        return [self.stage]
