"""The order of hooks: by priority, then by registration, and where a hook says so before or after others.

A hook that says nothing is never moved by what others say. One that says `before='EMAHook'` or `after=[...]` keeps the
place that its priority gives it where that will do; else it moves right before the first, or right behind the last, of
the hooks that it names. A class is named by itself or by a base; a name that no hook of the run has does nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from mmengine.hooks import Hook
from mmengine.utils.errors import ArgumentError

from .priority import get_priority

# Where a hook stands: (priority, registration, 0). One that moved has the key of its target with (-1 or 1,
# registration, 0) for the last 0, so that several that move to the same hook keep their order.
Key = tuple[int, ...]


def name_of(hook: Hook) -> str:
    """The name of a hook in messages: its class, or the function that it calls."""
    return getattr(hook, 'display_name', type(hook).__name__)


def named(hook: Hook, which: str) -> tuple[str, ...]:
    """The names that `hook` says it runs `before` or `after`."""
    value = getattr(hook, which, ())
    names = (value,) if isinstance(value, str) else value
    # A hook of a project may have an attribute of that name for something else.
    usable = isinstance(names, (list, tuple)) and all(isinstance(n, str) for n in names)
    return tuple(names) if usable else ()


def order_hooks(hooks: Sequence[Hook]) -> list[Hook]:
    """`hooks`, given in the order of registration, in the order in which they run.

    Raises:
        ArgumentError: what hooks say contradicts itself, the order of the others, or a priority that a config gave.
    """
    placed: list[tuple[Key, Hook]] = []
    waiting: list[tuple[Key, Hook]] = []
    for index, hook in enumerate(hooks):
        says = named(hook, 'before') or named(hook, 'after')
        (waiting if says else placed).append(((get_priority(hook.priority), index, 0), hook))
    placed.sort(key=lambda item: item[0])
    while waiting:
        # One that names others that wait has its turn after them.
        item = next((w for w in waiting if not any(_names(w[1], other) for _, other in waiting)), waiting[0])
        waiting.remove(item)
        _insert(placed, *item)
    return [hook for _, hook in placed]


def _insert(placed: list[tuple[Key, Hook]], key: Key, hook: Hook) -> None:
    earliest = max((i + 1 for i, (_, other) in enumerate(placed) if _precedes(other, hook)), default=0)
    latest = min((i for i, (_, other) in enumerate(placed) if _precedes(hook, other)), default=len(placed))
    if earliest > latest:
        first, second = placed[latest][1], placed[earliest - 1][1]
        what = 'it' if first is second else f'{name_of(second)}, which runs after {name_of(first)}'
        raise ArgumentError(
            f'hooks contradict each other: {name_of(hook)} should run before {name_of(first)} and after {what}'
        )
    priority, index, _ = key
    own = _place(placed, key)
    if own < earliest:
        target, key = placed[earliest - 1], (*placed[earliest - 1][0][:-1], 1, index, 0)
    elif own > latest:
        target, key = placed[latest], (*placed[latest][0][:-1], -1, index, 0)
    if key[0] != priority and 'priority' in vars(hook):
        raise ArgumentError(
            f'{name_of(hook)} was given the priority {hook.priority}, but should run '
            f'{"after" if own < earliest else "before"} {name_of(target[1])} of priority {target[1].priority}: '
            'take back one of the two'
        )
    placed.insert(min(max(_place(placed, key), earliest), latest), (key, hook))


def _place(placed: list[tuple[Key, Hook]], key: Key) -> int:
    return next((i for i, (other, _) in enumerate(placed) if other > key), len(placed))


def _names(hook: Hook, other: Hook) -> bool:
    return hook is not other and _is_among(other, named(hook, 'before') + named(hook, 'after'))


def _precedes(first: Hook, second: Hook) -> bool:
    """Whether one of the two says that `first` runs before `second`."""
    if first is second:
        return False
    return _is_among(second, named(first, 'before')) or _is_among(first, named(second, 'after'))


def _is_among(hook: Hook, names: tuple[str, ...]) -> bool:
    return bool(names) and any(n in names for n in (name_of(hook), *(c.__name__ for c in type(hook).__mro__)))


def check_names(hooks: Sequence[Hook], is_known: Callable[[str], bool]) -> None:
    """Raise an ArgumentError where `before` or `after` names what is neither a hook of the run nor `is_known`."""
    present = {n for h in hooks for n in (name_of(h), *(c.__name__ for c in type(h).__mro__))}
    for hook in hooks:
        for which in ('before', 'after'):
            for name in named(hook, which):
                if name not in present and not is_known(name):
                    near = difflib.get_close_matches(name, present - {'Hook', 'object'}, n=1)
                    hint = f'; did you mean {near[0]!r}?' if near else ''
                    raise ArgumentError(f'{name_of(hook)} should run {which} {name!r}, but no hook has that name{hint}')
