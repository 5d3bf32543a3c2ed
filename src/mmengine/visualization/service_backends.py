"""ClearML, Neptune, DVCLive, Aim and SwanLab."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmengine.config import Config
from mmengine.registry import VISBACKENDS
from mmengine.utils import scandir

from .backend import BaseVisBackend, as_numbers, force_init_env
from .utils import optional


class _ScalarsOneByOne(BaseVisBackend):
    """Several scalars are written as single ones."""

    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        for name, number in as_numbers(scalar_dict).items():
            if name != 'step':
                self.add_scalar(name, number, step, **kwargs)


@VISBACKENDS.register_module()
class ClearMLVisBackend(_ScalarsOneByOne):
    """ClearML. Needs the package `clearml`.

    Args:
        save_dir: not used.
        init_kwargs: arguments of `clearml.Task.init`.
        artifact_suffix: files in the working directory of the config with these endings are uploaded at the end.
    """

    def __init__(
        self,
        save_dir: str | None = None,
        init_kwargs: dict | None = None,
        artifact_suffix: Sequence[str] | str = ('.py', '.pth'),
    ) -> None:
        super().__init__(save_dir)  # type: ignore[arg-type]
        self._init_kwargs = init_kwargs
        self._artifact_suffix = artifact_suffix if isinstance(artifact_suffix, str) else tuple(artifact_suffix)

    def _init_env(self) -> None:
        self._clearml = optional('clearml')
        self._task = self._clearml.Task.init(**(self._init_kwargs or {}))
        self._logger = self._task.get_logger()

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The module `clearml`."""
        return self._clearml

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        self._work_dir = config.get('work_dir')
        self._task.connect_configuration(config.to_dict())

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        self._logger.report_image(title=name, series=name, iteration=step, image=image)

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        for key, number in as_numbers({name: value}).items():
            self._logger.report_scalar(title=key, series=key, value=number, iteration=step)

    def close(self) -> None:
        if not hasattr(self, '_task'):
            return
        folder = getattr(self, '_work_dir', None)
        if folder is not None and os.path.isdir(folder):
            for path in sorted(scandir(folder, self._artifact_suffix)):
                self._task.upload_artifact(path, os.path.join(folder, path))
        self._task.close()


@VISBACKENDS.register_module()
class NeptuneVisBackend(_ScalarsOneByOne):
    """Neptune. Needs the package `neptune`.

    Args:
        save_dir: not used.
        init_kwargs: arguments of `neptune.init_run`; without `project` and `api_token` the run is offline.
    """

    def __init__(self, save_dir: str | None = None, init_kwargs: dict | None = None) -> None:
        super().__init__(save_dir)  # type: ignore[arg-type]
        self._init_kwargs = init_kwargs

    def _init_env(self) -> None:
        self._neptune = optional('neptune')
        kwargs = dict(self._init_kwargs or {})
        if not {'project', 'api_token'} & set(kwargs):
            kwargs.setdefault('mode', 'offline')
        self._run = self._neptune.init_run(**kwargs)

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The module `neptune`."""
        return self._neptune

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        self._run['config'].upload(self._neptune.types.File.from_content(config.pretty_text, extension='py'))

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        picture = self._neptune.types.File.as_image(image / 255)
        self._run['images'].append(picture, name=name, step=step)

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        for key, number in as_numbers({name: value}).items():
            self._run[key].append(number, step=step)

    def close(self) -> None:
        if hasattr(self, '_run'):
            self._run.stop()


@VISBACKENDS.register_module()
class DVCLiveVisBackend(_ScalarsOneByOne):
    """DVCLive. Needs the package `dvclive`.

    Args:
        save_dir: folder of its files, unless `init_kwargs` has `dir`.
        artifact_suffix: files below `save_dir` with these endings become artifacts at the end.
        init_kwargs: arguments of `dvclive.Live`.
    """

    def __init__(
        self,
        save_dir: str,
        artifact_suffix: Sequence[str] | str = ('.json', '.py', 'yaml'),
        init_kwargs: dict | None = None,
    ) -> None:
        super().__init__(save_dir)
        self._artifact_suffix = artifact_suffix if isinstance(artifact_suffix, str) else tuple(artifact_suffix)
        self._init_kwargs = init_kwargs

    def _init_env(self) -> None:
        Path(self._save_dir).mkdir(parents=True, exist_ok=True)
        # Experiments would be commits in the user's repository.
        defaults = {'dir': self._save_dir, 'save_dvc_exp': False}
        self._live = optional('dvclive').Live(**defaults | (self._init_kwargs or {}))

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The `dvclive.Live`."""
        return self._live

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        self._live.log_params(_plain(config.to_dict()))

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        self._live.step = step
        self._live.log_image(f'{name}.png', np.ascontiguousarray(image, dtype=np.uint8))

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        self._live.step = step
        for key, number in as_numbers({name: value}).items():
            self._live.log_metric(key, number)

    def close(self) -> None:
        if not hasattr(self, '_live'):
            return
        for path in sorted(scandir(self._save_dir, self._artifact_suffix, recursive=True)):
            file = os.path.join(self._save_dir, path)
            if not file.startswith(os.path.join(self._live.dir, '')):  # its own files are no artifacts
                self._live.log_artifact(file)
        self._live.end()


def _plain(value: Any) -> Any:
    """What YAML can hold: numbers, text, lists and dicts; anything else as text."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(entry) for entry in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


@VISBACKENDS.register_module()
class AimVisBackend(_ScalarsOneByOne):
    """Aim. Needs the package `aim`.

    Args:
        save_dir: folder of its repository, unless `init_kwargs` has `repo`.
        init_kwargs: arguments of `aim.Run`.
    """

    def __init__(self, save_dir: str | None = None, init_kwargs: dict | None = None) -> None:
        super().__init__(save_dir)  # type: ignore[arg-type]
        self._init_kwargs = init_kwargs

    def _init_env(self) -> None:
        self._aim = optional('aim')
        kwargs = dict(self._init_kwargs or {})
        if self._save_dir is not None:
            Path(self._save_dir).mkdir(parents=True, exist_ok=True)
            kwargs.setdefault('repo', self._save_dir)
        self._run = self._aim.Run(**kwargs)

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The `aim.Run`."""
        return self._run

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        self._run['hparams'] = _plain(config.to_dict())

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        self._run.track(name=name, value=self._aim.Image(image), step=step)

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        for key, number in as_numbers({name: value}).items():
            self._run.track(name=key, value=number, step=step)

    def close(self) -> None:
        if hasattr(self, '_run'):
            self._run.close()


@VISBACKENDS.register_module()
class SwanLabVisBackend(BaseVisBackend):
    """SwanLab. Needs the package `swanlab`.

    Args:
        save_dir: folder of its logs, unless `init_kwargs` has `logdir`.
        init_kwargs: arguments of `swanlab.init`, such as `project` and `mode`.
    """

    def __init__(self, save_dir: str, init_kwargs: dict | None = None) -> None:
        super().__init__(save_dir)
        self._init_kwargs = init_kwargs

    def _init_env(self) -> None:
        Path(self._save_dir).mkdir(parents=True, exist_ok=True)
        self._swanlab = optional('swanlab')
        self._swanlab.init(**{'logdir': self._save_dir} | (self._init_kwargs or {}))

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The module `swanlab`, initialized."""
        return self._swanlab

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        self._swanlab.config.update(_plain(config.to_dict()))

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        self._swanlab.log({name: self._swanlab.Image(image)}, step=step)

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        self.add_scalars({name: value}, step)

    @force_init_env
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        values = {name: number for name, number in as_numbers(scalar_dict).items() if name != 'step'}
        self._swanlab.log(values, step=step)

    def close(self) -> None:
        if hasattr(self, '_swanlab'):
            self._swanlab.finish()
