"""Share the random decisions of transforms between several samples, such as the frames of a clip.

A method that draws a decision is decorated with `cache_randomness`; inside `cache_random_params(transforms)` it draws
once and repeats itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from mmcv.transforms.base import BaseTransform


class cache_randomness:
    """Mark a method that draws a random decision of one call of `transform`."""

    def __init__(self, func: Callable[..., Any]) -> None:
        if next(iter(inspect.signature(func).parameters), None) != 'self':
            raise TypeError('@cache_randomness decorates methods of an instance, whose first argument is `self`')
        functools.update_wrapper(self, func)
        self.func = func

    def __set_name__(self, owner: type, name: str) -> None:
        inherited = getattr(owner, '_methods_with_randomness', [])
        owner._methods_with_randomness = [*inherited, name]  # type: ignore[attr-defined]

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        shared: _Shared | None = instance.__dict__.get('_shared_randomness')
        if shared is None:
            return self.func(instance, *args, **kwargs)
        name = self.func.__name__
        if name in shared.drawn_in_this_call:
            raise RuntimeError(
                f'{type(instance).__name__}.{name} draws twice for one sample, but its result is being shared '
                'between samples. Draw all values in one method decorated with `cache_randomness`.'
            )
        shared.drawn_in_this_call.add(name)
        if name not in shared.values:
            shared.values[name] = self.func(instance, *args, **kwargs)
        return shared.values[name]


class _Shared:
    """What a transform has drawn since its randomness is shared."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.drawn_in_this_call: set[str] = set()


def avoid_cache_randomness(cls: type[BaseTransform]) -> type[BaseTransform]:
    """Forbid `cache_random_params` for this class (not for those derived from it): its draws cannot be repeated."""
    cached = getattr(cls, '_methods_with_randomness', [])
    if cached:
        raise RuntimeError(
            f'{cls.__name__} is decorated with `avoid_cache_randomness`, yet its methods {cached} are decorated with '
            '`cache_randomness`'
        )
    cls._avoid_cache_randomness = True  # type: ignore[attr-defined]
    return cls


@contextmanager
def _share(transform: BaseTransform) -> Iterator[None]:
    if '_avoid_cache_randomness' in vars(type(transform)):
        raise RuntimeError(
            f'{type(transform).__name__} draws in a way that cannot be repeated, so its randomness cannot be shared '
            '(`share_random_params=True`, `cache_random_params`)'
        )
    if not getattr(transform, '_methods_with_randomness', None) or '_shared_randomness' in vars(transform):
        yield
        return
    shared = _Shared()

    def call(results: dict) -> Any:
        shared.drawn_in_this_call.clear()
        return type(transform).transform(transform, results)

    vars(transform).update(_shared_randomness=shared, transform=call)
    try:
        yield
    finally:
        del transform._shared_randomness, transform.transform  # type: ignore[attr-defined]


def _members(transforms: Any) -> Iterator[BaseTransform]:
    if isinstance(transforms, BaseTransform):
        yield transforms
    if isinstance(transforms, Iterable):
        for transform in transforms:
            yield from _members(transform)


@contextmanager
def cache_random_params(transforms: BaseTransform | Iterable) -> Iterator[None]:
    """Inside, each of `transforms` (and those that they hold) takes the random decisions of its first call again."""
    with ExitStack() as stack:
        for transform in _members(transforms):
            stack.enter_context(_share(transform))
        yield
