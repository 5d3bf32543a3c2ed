"""The time that each hook takes at each stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mmengine.hooks import Hook

from .hook_order import name_of


class HookProfile:
    """Wraps methods of hooks, and adds up their times on the host's clock.

    What a hook makes others do (a checkpoint hook those that add to the checkpoint) counts with the others. A hook
    that waits for the device takes the time of the work that was queued before it.
    """

    def __init__(self) -> None:
        self.times: dict[tuple[str, str], tuple[int, float]] = {}  # (hook, stage): calls, seconds
        self._inner: list[float] = []
        self._began = time.perf_counter()

    def wrap(self, hook: Hook, stage: str, method: Callable[..., Any]) -> Callable[..., Any]:
        return _Timed(self, (name_of(hook), stage), method)

    def report(self) -> str:
        """A table, the most expensive first."""
        wall = max(time.perf_counter() - self._began, 1e-9)
        rows = sorted(self.times.items(), key=lambda item: -item[1][1])
        width = max((len(hook) for (hook, _), _ in rows), default=4)
        lines = [f'{"hook":<{width}}  {"stage":<22}  {"calls":>7}  {"total s":>9}  {"mean us":>9}  {"of run":>6}']
        for (hook, stage), (calls, seconds) in rows:
            mean = seconds / calls * 1e6
            lines.append(
                f'{hook:<{width}}  {stage:<22}  {calls:>7}  {seconds:>9.3f}  {mean:>9.1f}  {seconds / wall:>6.1%}'
            )
        total = sum(seconds for _, seconds in self.times.values())
        lines.append(f'all hooks: {total:.3f} s of {wall:.3f} s ({total / wall:.1%})')
        return '\n'.join(lines)

    def _enter(self) -> float:
        self._inner.append(0.0)
        return time.perf_counter()

    def _leave(self, key: tuple[str, str], began: float) -> None:
        elapsed = time.perf_counter() - began
        own = elapsed - self._inner.pop()
        calls, seconds = self.times.get(key, (0, 0.0))
        self.times[key] = (calls + 1, seconds + own)
        if self._inner:
            self._inner[-1] += elapsed


class _Timed:
    def __init__(self, profile: HookProfile, key: tuple[str, str], method: Callable[..., Any]) -> None:
        self._profile, self._key, self._method = profile, key, method
        self.__self__ = getattr(method, '__self__', method)  # messages name the hook by it

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        began = self._profile._enter()
        try:
            return self._method(*args, **kwargs)
        finally:
            self._profile._leave(self._key, began)
