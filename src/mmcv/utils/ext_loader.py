"""Compiled operators of other projects. mmnext compiles nothing; its own operators are in `mmcv.ops`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, NoReturn

from mmengine.utils.errors import MissingDependencyError


def _absent(extension: str, function: str) -> Callable[..., NoReturn]:
    def call(*args: Any, **kwargs: Any) -> NoReturn:
        raise MissingDependencyError(
            f'{function} was to come from the compiled extension mmcv.{extension}, but mmnext compiles nothing. '
            'Use the operator of that name in mmcv.ops.'
        )

    return call


def load_ext(name: str, funcs: Iterable[str]) -> SimpleNamespace:
    """An object with `funcs` as attributes; calling one says where to find the operator instead."""
    return SimpleNamespace(**{function: _absent(name, function) for function in funcs})
