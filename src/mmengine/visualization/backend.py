"""What a place for results is."""

from __future__ import annotations

import functools
import logging
import numbers
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from mmengine.config import Config
from mmengine.logging import print_log


def force_init_env(old_func: Callable) -> Callable:
    """Decorator for methods of a backend: its `_init_env` is called before the first of them."""

    @functools.wraps(old_func)
    def wrapper(obj: Any, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(obj, '_init_env'):
            raise AttributeError(f'{type(obj).__name__} has no _init_env')
        if not getattr(obj, '_env_initialized', False):
            obj._init_env()
            obj._env_initialized = True
        return old_func(obj, *args, **kwargs)

    return wrapper


def as_number(value: Any) -> Any:
    """A tensor or array as a number (with one element) or a list; other values as they are.

    Reading a tensor waits for its device: scalars are converted here, when they are written.
    """
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)):
        return value.item() if np.prod(value.shape) == 1 else value.tolist()
    return value


def as_numbers(scalar_dict: dict) -> dict[str, float]:
    """The entries that are numbers; others are named in a warning."""
    if not isinstance(scalar_dict, dict):
        raise TypeError(f'scalars should be a dict, but got {type(scalar_dict).__name__}')
    found = {name: as_number(value) for name, value in scalar_dict.items()}
    others = [name for name, value in found.items() if not isinstance(value, numbers.Number)]
    if others:
        print_log(f'no numbers, and therefore no curves: {", ".join(others)}', 'current', logging.WARNING)
    return {name: value for name, value in found.items() if name not in others}


class BaseVisBackend(metaclass=ABCMeta):
    """A place for results. Derived classes override what they can show; the rest does nothing.

    Args:
        save_dir: folder for the files of the backend; made at the first use.
    """

    def __init__(self, save_dir: str) -> None:
        self._save_dir = save_dir
        self._env_initialized = False

    @property
    @abstractmethod
    def experiment(self) -> Any:
        """The writer behind the backend, to use what this interface lacks."""

    @abstractmethod
    def _init_env(self) -> Any:
        """Prepare folders and writers; called once, by `force_init_env`."""

    def add_config(self, config: Config, **kwargs: Any) -> None: ...  # noqa: B027 - to do nothing is the default
    def add_graph(self, model: torch.nn.Module, data_batch: Sequence[dict], **kwargs: Any) -> None: ...  # noqa: B027

    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:  # noqa: B027
        """`image`: RGB `(H, W, 3)` uint8."""

    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:  # noqa: B027
        """`value`: a number, or a tensor or array with one element."""

    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:  # noqa: B027
        """Several scalars of one step. `file_path`: a further json file below `save_dir`, for the local backend."""

    def close(self) -> None:  # noqa: B027
        """Finish writing."""
