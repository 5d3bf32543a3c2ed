"""Weights & Biases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmengine.config import Config
from mmengine.registry import VISBACKENDS

from .backend import BaseVisBackend, as_number, force_init_env
from .utils import optional


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
