"""Where scalars, images and configs go. Packages other than torch are imported when a backend is first used."""

from __future__ import annotations

import functools
import json
import logging
import numbers
import os
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import VISBACKENDS
from mmengine.utils import scandir
from mmengine.utils.errors import ConfigError

from .utils import optional


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


def _numbers(scalar_dict: dict) -> dict[str, float]:
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


@VISBACKENDS.register_module()
class LocalVisBackend(BaseVisBackend):
    """Files: the config, scalars as one json object a line, images as PNG.

    Args:
        save_dir: the folder.
        img_save_dir: folder of images in it.
        config_save_file: file in it, ending in .py.
        scalar_save_file: file in it, ending in .json.
    """

    def __init__(
        self,
        save_dir: str,
        img_save_dir: str = 'vis_image',
        config_save_file: str = 'config.py',
        scalar_save_file: str = 'scalars.json',
    ) -> None:
        if not config_save_file.endswith('.py'):
            raise ConfigError(f'config_save_file should end in .py, but got {config_save_file!r}')
        if not scalar_save_file.endswith('.json'):
            raise ConfigError(f'scalar_save_file should end in .json, but got {scalar_save_file!r}')
        super().__init__(save_dir)
        self._img_save_dir = img_save_dir
        self._config_save_file = config_save_file
        self._scalar_save_file = scalar_save_file

    def _init_env(self) -> None:
        Path(self._save_dir).mkdir(parents=True, exist_ok=True)
        # Folder and files are below `save_dir` from here on.
        self._img_save_dir = os.path.join(self._save_dir, self._img_save_dir)
        self._config_save_file = os.path.join(self._save_dir, self._config_save_file)
        self._scalar_save_file = os.path.join(self._save_dir, self._scalar_save_file)

    @property
    @force_init_env
    def experiment(self) -> LocalVisBackend:
        return self

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        config.dump(self._config_save_file)

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        """Write `<img_save_dir>/<name>_<step>.png`."""
        if image.dtype != np.uint8:
            raise TypeError(f'image should be uint8, but got {image.dtype}')
        path = Path(self._img_save_dir, f'{name}_{step}.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        self._dump({name: as_number(value), 'step': step}, self._scalar_save_file, 'json')

    @force_init_env
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        values = {name: as_number(value) for name, value in scalar_dict.items()}
        values.setdefault('step', step)
        self._dump(values, self._scalar_save_file, 'json')
        if file_path is not None:
            if not file_path.endswith('.json'):
                raise ConfigError(f'file_path should end in .json, but got {file_path!r}')
            path = os.path.join(self._save_dir, file_path)
            if path == self._scalar_save_file:
                raise ConfigError(f'file_path {file_path!r} is the file that all scalars go to; choose another')
            self._dump(values, path, 'json')

    def _dump(self, value_dict: dict, file_path: str, file_format: str) -> None:
        """Append a line."""
        if file_format != 'json':
            raise ValueError(f"file_format should be 'json', but got {file_format!r}")
        with open(file_path, 'a', encoding='utf-8') as file:
            file.write(json.dumps(value_dict) + '\n')


@VISBACKENDS.register_module()
class TensorboardVisBackend(BaseVisBackend):
    """Event files of TensorBoard. Needs the extra `tensorboard`."""

    def _init_env(self) -> None:
        Path(self._save_dir).mkdir(parents=True, exist_ok=True)
        self._tensorboard = optional('torch.utils.tensorboard', 'tensorboard').SummaryWriter(self._save_dir)

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The `SummaryWriter`."""
        return self._tensorboard

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        self._tensorboard.add_text('config', config.pretty_text)

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        self._tensorboard.add_image(name, image, step, dataformats='HW' if image.ndim == 2 else 'HWC')

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        for key, number in _numbers({name: value}).items():
            self._tensorboard.add_scalar(key, number, step)

    @force_init_env
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        for name, number in _numbers(scalar_dict).items():
            if name != 'step':
                self._tensorboard.add_scalar(name, number, step)

    def close(self) -> None:
        if hasattr(self, '_tensorboard'):
            self._tensorboard.close()


@VISBACKENDS.register_module()
class WandbVisBackend(BaseVisBackend):
    """Weights & Biases. Needs the extra `wandb`.

    Args:
        save_dir: wandb makes its folder `wandb` in it.
        init_kwargs: arguments of `wandb.init`.
        define_metric_cfg: `{metric: 'max'}`, or a list of arguments of `wandb.define_metric`.
        commit: whether each call makes a step of wandb.
        log_code_name: upload the Python files of the current folder under this name.
        watch_kwargs: arguments of `wandb.watch`, with which `add_graph` follows the model.
    """

    def __init__(
        self,
        save_dir: str,
        init_kwargs: dict | None = None,
        define_metric_cfg: dict | list | None = None,
        commit: bool | None = True,
        log_code_name: str | None = None,
        watch_kwargs: dict | None = None,
    ) -> None:
        super().__init__(save_dir)
        self._init_kwargs = init_kwargs
        self._define_metric_cfg = define_metric_cfg
        self._commit = commit
        self._log_code_name = log_code_name
        self._watch_kwargs = watch_kwargs if watch_kwargs is not None else {}

    def _init_env(self) -> None:
        Path(self._save_dir).mkdir(parents=True, exist_ok=True)
        wandb = optional('wandb', 'wandb')
        wandb.init(**{'dir': self._save_dir, **(self._init_kwargs or {})})
        metrics = self._define_metric_cfg or []
        if isinstance(metrics, dict):
            metrics = [{'name': name, 'summary': summary} for name, summary in metrics.items()]
        for metric in metrics:
            wandb.define_metric(**metric)
        self._wandb = wandb

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The module `wandb`, initialized."""
        return self._wandb

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        self._wandb.config.update(config.to_dict(), allow_val_change=True)
        if self._log_code_name is not None:
            self._wandb.run.log_code(name=self._log_code_name)

    @force_init_env
    def add_graph(self, model: torch.nn.Module, data_batch: Sequence[dict], **kwargs: Any) -> None:
        self._wandb.watch(model, **self._watch_kwargs)

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        # `step` is not passed on: wandb drops what goes back behind its own step, as validation steps may.
        self._wandb.log({name: self._wandb.Image(image)}, commit=self._commit)

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        self._wandb.log({name: as_number(value)}, commit=self._commit)

    @force_init_env
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        self._wandb.log({name: as_number(value) for name, value in scalar_dict.items()}, commit=self._commit)

    def close(self) -> None:
        if hasattr(self, '_wandb'):
            self._wandb.finish()


@VISBACKENDS.register_module()
class MLflowVisBackend(BaseVisBackend):
    """MLflow. Needs the extra `mlflow`.

    Args:
        save_dir: where the run's files are looked for at the end, and the default store, `mlflow.db`, is.
        exp_name: the experiment, 'Default' if not given.
        run_name: of the run.
        tags: of the run.
        params: of the run.
        tracking_uri: the store or server.
        artifact_suffix: files below `save_dir` with these endings are uploaded at the end.
        tracked_config_keys: top-level keys of the config that become parameters of the run; all by default.
    """

    def __init__(
        self,
        save_dir: str,
        exp_name: str | None = None,
        run_name: str | None = None,
        tags: dict | None = None,
        params: dict | None = None,
        tracking_uri: str | None = None,
        artifact_suffix: tuple[str, ...] | str = ('.json', '.log', '.py', 'yaml'),
        tracked_config_keys: list[str] | None = None,
    ) -> None:
        super().__init__(save_dir)
        self._exp_name = exp_name
        self._run_name = run_name
        self._tags = tags or {}
        self._params = params or {}
        self._tracking_uri = tracking_uri
        self._artifact_suffix = artifact_suffix if isinstance(artifact_suffix, str) else tuple(artifact_suffix)
        self._tracked_config_keys = tracked_config_keys

    def _init_env(self) -> None:
        Path(self._save_dir).mkdir(parents=True, exist_ok=True)
        mlflow = optional('mlflow', 'mlflow')
        # Stores in plain files are refused by recent versions.
        mlflow.set_tracking_uri(self._tracking_uri or f'sqlite:///{Path(self._save_dir).resolve()}/mlflow.db')
        mlflow.set_experiment(self._exp_name or 'Default')
        mlflow.start_run(run_name=self._run_name, tags=self._tags)
        mlflow.log_params(self._params)
        self._mlflow = mlflow

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The module `mlflow`, with a run."""
        return self._mlflow

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        values = config.to_dict()
        keys = self._tracked_config_keys
        self._mlflow.log_params(_flat({k: v for k, v in values.items() if keys is None or k in keys}))
        self._mlflow.log_text(config.pretty_text, 'config.py')

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        self._mlflow.log_image(image, f'{name}_{step}.png')

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        self.add_scalars({name: value}, step)

    @force_init_env
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        values = {name: number for name, number in _numbers(scalar_dict).items() if name != 'step'}
        self._mlflow.log_metrics(values, step=step)

    def close(self) -> None:
        if not hasattr(self, '_mlflow'):
            return
        for path in sorted(scandir(self._save_dir, self._artifact_suffix, recursive=True)):
            self._mlflow.log_artifact(os.path.join(self._save_dir, path))
        self._mlflow.end_run()


def _flat(tree: dict, prefix: str = '') -> dict[str, Any]:
    """`{'a': {'b': 1}}` as `{'a.b': 1}`."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f'{prefix}{key}.')
        else:
            flat[f'{prefix}{key}'] = value
    return flat


__all__ = [
    'BaseVisBackend',
    'LocalVisBackend',
    'MLflowVisBackend',
    'TensorboardVisBackend',
    'WandbVisBackend',
    'as_number',
    'force_init_env',
]
