"""Draws on images, and hands scalars, images and configs to the backends."""

from __future__ import annotations

import copy
import logging
import traceback
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch

from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.logging import print_log
from mmengine.registry import VISBACKENDS, VISUALIZERS
from mmengine.structures import BaseDataElement
from mmengine.utils import ManagerMixin
from mmengine.utils.errors import ConfigError, MMError

from .painter import Painter
from .vis_backend import BaseVisBackend


@VISUALIZERS.register_module()
class Visualizer(ManagerMixin, Painter):
    """Drawing methods work on the image given by `set_image` and return the visualizer, so that calls chain:

        visualizer.set_image(image)
        picture = visualizer.draw_bboxes(boxes).draw_texts(names, corners).get_image()

    Images are RGB `(H, W, 3)` uint8, coordinates are in pixels, colours RGB tuples in 0..255 or names. OpenCV and
    Pillow draw; `ax_save` gives a matplotlib axes with the image for those who want to draw with that.

    Args:
        name: of the instance, for `get_instance`.
        image: to draw on.
        vis_backends: configs or instances of backends.
        save_dir: backends write to `save_dir/vis_data`. Without it, those without a `save_dir` of their own are
            left out.
        fig_save_cfg: arguments of the matplotlib figure behind `ax_save`.
        fig_show_cfg: arguments of the matplotlib figure of `show`.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        image: np.ndarray | None = None,
        vis_backends: list | dict | None = None,
        save_dir: str | None = None,
        fig_save_cfg: dict = {'frameon': False},
        fig_show_cfg: dict = {'frameon': False},
    ) -> None:
        super().__init__(name)
        self._dataset_meta: dict | None = None
        self.fig_save_cfg = dict(fig_save_cfg)
        self.fig_show_cfg = dict(fig_show_cfg)
        self._vis_backends: dict[str, BaseVisBackend] = {}
        self._failed: set[str] = set()  # names of backends that raised
        for backend in [vis_backends] if isinstance(vis_backends, dict) and vis_backends else vis_backends or []:
            self._add_backend(backend, save_dir)
        if image is not None:
            self.set_image(image)

    def _add_backend(self, backend: Any, save_dir: str | None) -> None:
        name = type(backend).__name__
        if isinstance(backend, dict):
            cfg = copy.copy(backend)
            kind = cfg.get('type')
            name = cfg.pop('name', kind if isinstance(kind, str) else getattr(kind, '__name__', 'backend'))
            if save_dir is None and cfg.get('save_dir') is None:
                return
            cfg.setdefault('save_dir', f'{save_dir}/vis_data')
            backend = VISBACKENDS.build(cfg)
        if not isinstance(backend, BaseVisBackend):
            raise TypeError(f'vis_backends should hold configs or backends, but got {type(backend).__name__}')
        if name in self._vis_backends:
            raise ConfigError(f'vis_backends has {name!r} twice; give one of them another `name`')
        self._vis_backends[name] = backend

    @classmethod
    def get_instance(cls, name: str, **kwargs: Any) -> Self:
        """The instance of that name. `Visualizer.get_current_instance()` finds those of derived classes, too."""
        instance = super().get_instance(name, **kwargs)
        Visualizer._instance_dict[name] = instance
        return instance

    @property
    def dataset_meta(self) -> dict | None:
        """`metainfo` of the dataset: classes, palette."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self._dataset_meta = dataset_meta

    def get_backend(self, name: str) -> BaseVisBackend | None:
        """The backend of that name (its class, unless the config had `name`), or None."""
        return self._vis_backends.get(name)

    # ------------------------------------------------------------------ backends

    def _tell(self, method: str, *args: Any, **kwargs: Any) -> None:
        """Call a method of all backends. The run outlives one that fails: it is told nothing more, and that is said."""
        for name, backend in self._vis_backends.items():
            if name in self._failed:
                continue
            try:
                getattr(backend, method)(*args, **kwargs)
            except MMError:
                raise  # of the config, or a package that is not there
            except Exception as error:  # noqa: BLE001  backends are many, and none is worth a training
                self._failed.add(name)
                print_log(
                    f'{name} failed in {method} and is not used any more, the run goes on without it: '
                    f'{type(error).__name__}: {error}\n{traceback.format_exc()}',
                    'current',
                    logging.WARNING,
                )

    @master_only
    def add_config(self, config: Config, **kwargs: Any) -> None:
        self._tell('add_config', config, **kwargs)

    @master_only
    def add_graph(self, model: torch.nn.Module, data_batch: Sequence[dict], **kwargs: Any) -> None:
        self._tell('add_graph', model, data_batch, **kwargs)

    @master_only
    def add_image(self, name: str, image: np.ndarray, step: int = 0) -> None:
        """`image`: RGB `(H, W, 3)` uint8."""
        self._tell('add_image', name, image, step)

    @master_only
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """`value`: a number, or a tensor or array with one element."""
        self._tell('add_scalar', name, value, step, **kwargs)

    @master_only
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        """Several scalars of one step; `file_path` is a further json file, for the local backend."""
        self._tell('add_scalars', scalar_dict, step, file_path, **kwargs)

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: BaseDataElement | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: int = 0,
        step: int = 0,
    ) -> None:
        """Draw a sample; derived classes know how."""

    def close(self) -> None:
        """Close all backends."""
        self._tell('close')


__all__ = ['Visualizer']
