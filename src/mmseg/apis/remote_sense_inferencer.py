"""Segment rasters larger than memory, window by window."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from mmengine.dataset import Compose, pseudo_collate
from mmengine.model import BaseModel
from mmengine.runner import load_checkpoint
from mmengine.utils.errors import ConfigError
from mmseg.registry import TRANSFORMS

from .inference import init_model
from .rs_image import RSImage
from .windows import BlendBands, CropBands, Grid

Item = TypeVar('Item')
Result = TypeVar('Result')


class RSInferencer:
    """Reads windows in threads, predicts them in batches and writes labels in another thread.

    What is read ahead and what waits to be written is bounded, so memory does not grow with the raster.

    Args:
        model: in evaluation mode, as from `init_model`.
        batch_size: windows that go through the model together.
        thread: threads that read.
        overlap: `'crop'`: each pixel comes from the window whose border is farthest from it. `'blend'`: logits of
            overlapping windows are averaged, with weights that fall towards their borders.
        show_progress: draw a bar.

    Windows pass through the test pipeline of `model.cfg` without its loaders and resizes: at the raster's own
    resolution. Where that pipeline loads ordinary images, three bands become BGR.
    """

    def __init__(
        self,
        model: BaseModel,
        batch_size: int = 1,
        thread: int = 1,
        overlap: str = 'crop',
        show_progress: bool = False,
    ) -> None:
        if overlap not in ('crop', 'blend'):
            raise ConfigError(f"overlap should be 'crop' or 'blend', but is {overlap!r}")
        self.model: Any = model
        self.batch_size = batch_size
        self.thread = thread
        self.overlap = overlap
        self.show_progress = show_progress
        self.pipeline, self.loads_bgr = _window_pipeline(model)

    @classmethod
    def from_config_path(
        cls,
        config_path: str,
        checkpoint_path: str | None,
        batch_size: int = 1,
        thread: int = 1,
        device: str | None = None,
        **kwargs: Any,
    ) -> RSInferencer:
        """With the model of a config, on the accelerator if there is one and `device` says nothing else."""
        return cls(init_model(config_path, checkpoint_path, device=device), batch_size, thread, **kwargs)

    @classmethod
    def from_model(
        cls,
        model: BaseModel,
        checkpoint_path: str | None = None,
        batch_size: int = 1,
        thread: int = 1,
        device: str | None = None,
        **kwargs: Any,
    ) -> RSInferencer:
        """With a model, its weights from `checkpoint_path` if given, moved to `device` if given."""
        if checkpoint_path is not None:
            load_checkpoint(model, checkpoint_path, map_location='cpu')
        return cls(model.to(device).eval() if device is not None else model.eval(), batch_size, thread, **kwargs)

    def run(
        self,
        image: RSImage | Any,
        window_size: tuple[int, int],
        strides: tuple[int, int] = (0, 0),
        output_path: str | Path | None = None,
    ) -> Path | np.ndarray:
        """Write the label map of a raster.

        Args:
            image: an `RSImage`, or what it takes.
            window_size, strides: `(width, height)`; a stride of 0 is the size of the window.
            output_path: see `RSImage.create_seg_map`.

        Returns:
            The path of the label map, or the labels `(H, W)` if there is none.
        """
        if not isinstance(image, RSImage):
            with RSImage(image) as opened:
                return self.run(opened, window_size, strides, output_path)
        meta = getattr(self.model, 'dataset_meta', None) or {}
        image.create_grids(window_size, strides)
        image.create_seg_map(
            output_path, 'uint8' if len(meta.get('classes') or ()) <= 256 else 'uint16', meta.get('palette')
        )
        complete = False
        try:
            self._run(image)
            complete = True
        finally:
            image.finish_seg_map(complete)
        if image.output_path is not None:
            return image.output_path
        assert image.seg_map is not None
        return image.seg_map

    def _run(self, image: RSImage) -> None:
        bands = self._bands(image)
        batches = [image.grids[i : i + self.batch_size] for i in range(0, len(image.grids), self.batch_size)]
        with ThreadPoolExecutor(self.thread) as readers, ThreadPoolExecutor(1) as writer:
            pending: deque[Future] = deque()
            windows = _ahead(readers, partial(self.read, image), batches, self.thread + 1)
            progress = track(batches, description='Inference', disable=not self.show_progress)
            for grids, batch in zip(progress, windows, strict=True):
                predictions = self.inference(batch)
                pending.append(writer.submit(self._write, image, bands, grids, predictions))
                if len(pending) > 2:
                    pending.popleft().result()
            for future in pending:
                future.result()
            _write_rows(image, bands.finish())

    def read(self, image: RSImage, grids: Sequence[Grid]) -> list[Any]:
        """Windows as the model's preprocessor takes them."""
        swap = self.loads_bgr and image.bands is None and image.channel in (3, 4)
        windows = []
        for grid in grids:
            pixels = image.read(grid)
            windows.append(self.pipeline({'img': np.ascontiguousarray(pixels[..., 2::-1]) if swap else pixels}))
        return windows

    @torch.no_grad()
    def inference(self, windows: list[Any]) -> list[Tensor]:
        """Labels `(h, w)` of each window, or for blending logits `(C, h, w)`, on the device of the model."""
        samples: list[Any] = self.model.test_step(pseudo_collate(windows))
        if self.overlap == 'blend':
            return [sample.seg_logits.data for sample in samples]
        return [sample.pred_sem_seg.data[0] for sample in samples]

    def _bands(self, image: RSImage) -> CropBands | BlendBands:
        if self.overlap == 'crop':
            return CropBands(image.width)
        head = getattr(self.model, 'decode_head', None)
        single = getattr(self.model, 'out_channels', None) == 1
        return BlendBands(image.width, getattr(head, 'threshold', 0.5) if single else None)

    @staticmethod
    def _write(
        image: RSImage, bands: CropBands | BlendBands, grids: Sequence[Grid], predictions: Iterable[Tensor]
    ) -> None:
        for grid, prediction in zip(grids, predictions, strict=True):
            _write_rows(image, bands.add(grid, prediction.cpu()))


def _write_rows(image: RSImage, parts: Iterable[tuple[int, Tensor]]) -> None:
    for row, labels in parts:
        image.write(labels.numpy(), (0, row, image.width, len(labels)))


def _ahead(
    executor: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], depth: int
) -> Iterator[Result]:
    """`map` in threads, in order, at most `depth` items ahead of who takes the results."""
    pending: deque[Future] = deque()
    for item in items:
        pending.append(executor.submit(function, item))
        if len(pending) > depth:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _window_pipeline(model: Any) -> tuple[Compose, bool]:
    """Transforms of a window, and whether the model was trained with images in BGR."""
    cfg = getattr(model, 'cfg', None)
    steps: list = []
    if cfg is not None:
        steps = cfg.get('test_pipeline') or cfg.test_dataloader.dataset.pipeline
    names = [str(step['type']) for step in steps]
    kept = [dict(step) for step, name in zip(steps, names, strict=True) if 'Load' not in name and 'Resize' not in name]
    if steps:
        bgr = any('LoadImageFromFile' in name for name in names)
    else:
        bgr = bool(getattr(getattr(model, 'data_preprocessor', None), 'channel_conversion', False))
        kept = [{'type': 'PackSegInputs'}]
    return Compose([TRANSFORMS.build(step) for step in [{'type': 'LoadImageFromNDArray'}, *kept]]), bgr


__all__ = ['RSImage', 'RSInferencer']
