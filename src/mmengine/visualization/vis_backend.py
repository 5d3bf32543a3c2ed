"""Where scalars, images and configs go. Optional packages are imported at use."""

from __future__ import annotations

import functools
import importlib
import json
import os
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from mmengine.config import Config
from mmengine.registry import VISBACKENDS
from mmengine.utils.errors import ConfigError, MissingDependencyError


def force_init_env(old_func: Callable) -> Callable:
    """Decorates a method that needs the backend's environment: it is set up at the first use."""

    @functools.wraps(old_func)
    def wrapper(obj: Any, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(obj, '_init_env'):
            raise AttributeError(f'{type(obj).__name__} has no _init_env')
        if not getattr(obj, '_env_initialized', False):
            obj._init_env()
            obj._env_initialized = True
        return old_func(obj, *args, **kwargs)

    return wrapper


def optional(module: str, extra: str) -> Any:
    """Import an optional package.

    Raises:
        MissingDependencyError: naming the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(f"{module} is not installed: pip install 'mmnext[{extra}]'") from error


def as_number(value: Any) -> float | int:
    """A scalar, an array or a tensor of one element as a number; for a tensor this waits for its device."""
    return value.item() if isinstance(value, (torch.Tensor, np.ndarray, np.generic)) else value


class BaseVisBackend(metaclass=ABCMeta):
    """Args:
    save_dir: folder of the backend's files.
    """

    def __init__(self, save_dir: str) -> None:
        self._save_dir = save_dir
        self._env_initialized = False

    @property
    @abstractmethod
    def experiment(self) -> Any:
        """The writer behind the backend."""

    def _init_env(self) -> None:
        Path(self._save_dir).mkdir(parents=True, exist_ok=True)

    def add_config(self, config: Config, **kwargs: Any) -> None: ...
    def add_graph(self, model: torch.nn.Module, data_batch: Sequence[dict], **kwargs: Any) -> None: ...
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None: ...
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None: ...
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None: ...
    def close(self) -> None: ...


@VISBACKENDS.register_module()
class LocalVisBackend(BaseVisBackend):
    """Scalars as lines of json, images as PNG, the config as Python, below `save_dir`."""

    def __init__(
        self,
        save_dir: str,
        img_save_dir: str = 'vis_image',
        config_save_file: str = 'config.py',
        scalar_save_file: str = 'scalars.json',
    ) -> None:
        if Path(config_save_file).suffix != '.py' or Path(scalar_save_file).suffix != '.json':
            raise ConfigError('config_save_file should end in .py and scalar_save_file in .json')
        super().__init__(save_dir)
        self._img_save_dir = os.path.join(save_dir, img_save_dir)
        self._config_save_file = os.path.join(save_dir, config_save_file)
        self._scalar_save_file = os.path.join(save_dir, scalar_save_file)

    @property
    @force_init_env
    def experiment(self) -> LocalVisBackend:
        return self

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        config.dump(self._config_save_file)

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        """Write an RGB image `(H, W, 3)` uint8 as `<name>_<step>.png`."""
        path = Path(self._img_save_dir, f'{name}_{step}.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        self._append(self._scalar_save_file, {name: as_number(value), 'step': step})

    @force_init_env
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        numbers = {'step': step, **{k: as_number(v) for k, v in scalar_dict.items()}}
        self._append(self._scalar_save_file, numbers)
        if file_path is not None:
            if Path(file_path).suffix != '.json':
                raise ConfigError(f'file_path should end in .json, but got {file_path!r}')
            self._append(os.path.join(self._save_dir, file_path), numbers)

    @staticmethod
    def _append(path: str, numbers: dict) -> None:
        with open(path, 'a', encoding='utf-8') as file:
            file.write(json.dumps(numbers) + '\n')


@VISBACKENDS.register_module()
class TensorboardVisBackend(BaseVisBackend):
    """Event files of TensorBoard (extra `tensorboard`)."""

    def _init_env(self) -> None:
        super()._init_env()
        optional('tensorboard', 'tensorboard')
        self._tensorboard = importlib.import_module('torch.utils.tensorboard').SummaryWriter(self._save_dir)

    @property
    @force_init_env
    def experiment(self) -> Any:
        return self._tensorboard

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        self._tensorboard.add_text('config', config.pretty_text)

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        self._tensorboard.add_image(name, image, step, dataformats='HWC')

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        self._tensorboard.add_scalar(name, as_number(value), step)

    @force_init_env
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        for name, value in scalar_dict.items():
            if name != 'step':
                self.add_scalar(name, value, step)

    def close(self) -> None:
        if hasattr(self, '_tensorboard'):
            self._tensorboard.close()


@VISBACKENDS.register_module()
class WandbVisBackend(BaseVisBackend):
    """Weights & Biases (extra `wandb`).

    Args:
        init_kwargs: of `wandb.init`.
        commit: whether each call is a step of its own.
    """

    def __init__(
        self, save_dir: str, init_kwargs: dict | None = None, commit: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(save_dir)
        self._init_kwargs = init_kwargs or {}
        self._commit = commit

    def _init_env(self) -> None:
        super()._init_env()
        self._wandb = optional('wandb', 'wandb')
        self._wandb.init(**{'dir': self._save_dir, **self._init_kwargs})

    @property
    @force_init_env
    def experiment(self) -> Any:
        return self._wandb

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        self._wandb.config.update(config.to_dict(), allow_val_change=True)

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        self._wandb.log({name: self._wandb.Image(image)}, commit=self._commit, step=step)

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        self._wandb.log({name: as_number(value)}, commit=self._commit, step=step)

    @force_init_env
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        self._wandb.log({k: as_number(v) for k, v in scalar_dict.items()}, commit=self._commit, step=step)

    def close(self) -> None:
        if hasattr(self, '_wandb'):
            self._wandb.finish()
