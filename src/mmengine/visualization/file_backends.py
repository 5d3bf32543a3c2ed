"""Scalars, images and configs as files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmengine.config import Config
from mmengine.registry import VISBACKENDS
from mmengine.utils.errors import ConfigError

from .backend import BaseVisBackend, as_number, as_numbers, force_init_env
from .utils import optional


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
        for key, number in as_numbers({name: value}).items():
            self._tensorboard.add_scalar(key, number, step)

    @force_init_env
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        for name, number in as_numbers(scalar_dict).items():
            if name != 'step':
                self._tensorboard.add_scalar(name, number, step)

    def close(self) -> None:
        if hasattr(self, '_tensorboard'):
            self._tensorboard.close()
