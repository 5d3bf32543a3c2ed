"""MLflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from mmengine.config import Config
from mmengine.registry import VISBACKENDS
from mmengine.utils import scandir

from .backend import BaseVisBackend, as_numbers, force_init_env
from .utils import optional


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
        artifact_location: where files of a new experiment go; the store decides by default.
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
        artifact_location: str | None = None,
    ) -> None:
        super().__init__(save_dir)
        self._exp_name = exp_name
        self._run_name = run_name
        self._tags = tags or {}
        self._params = params or {}
        self._tracking_uri = tracking_uri
        self._artifact_suffix = artifact_suffix if isinstance(artifact_suffix, str) else tuple(artifact_suffix)
        self._tracked_config_keys = tracked_config_keys
        self._artifact_location = artifact_location

    def _init_env(self) -> None:
        Path(self._save_dir).mkdir(parents=True, exist_ok=True)
        mlflow = optional('mlflow', 'mlflow')
        # Stores in plain files are refused by recent versions.
        mlflow.set_tracking_uri(self._tracking_uri or f'sqlite:///{Path(self._save_dir).resolve()}/mlflow.db')
        name = self._exp_name or 'Default'
        if self._artifact_location is not None and mlflow.get_experiment_by_name(name) is None:
            mlflow.create_experiment(name, artifact_location=self._artifact_location)
        mlflow.set_experiment(name)
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
        values = {name: number for name, number in as_numbers(scalar_dict).items() if name != 'step'}
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
