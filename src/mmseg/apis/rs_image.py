"""A raster of any size and the label map made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmengine.utils.errors import DataError

from .raster import ArrayTarget, Target, open_source, open_target
from .windows import Grid, make_grids


class RSImage:
    """A raster and the label map made of it. Use it as a context, or `close` it.

    Args:
        image: path, open rasterio dataset, array `(H, W)` or `(H, W, C)` (a memory map too), or an object with
            `width`, `height`, `channel`, `read(box)` and `close()`.
        bands: which bands to read, counted from 1, in this order; all by default.

    Attributes:
        width, height, channel: of what is read.
        grids: windows of `create_grids`.
        output_path: of the label map.
        seg_map: the finished label map `(H, W)` if it is in memory.
    """

    def __init__(self, image: Any, bands: Sequence[int] | None = None) -> None:
        self.path = Path(image) if isinstance(image, str | Path) else None
        self.source = open_source(image)
        self.width, self.height = self.source.width, self.source.height
        self.bands: list[int] | None = None
        self.select_bands(bands)
        self.grids: list[Grid] = []
        self.output_path: Path | None = None
        self.seg_map: np.ndarray | None = None
        self._target: Target | None = None

    def select_bands(self, bands: Sequence[int] | None) -> None:
        """Read these bands, counted from 1, from now on; None: all.

        Raises:
            DataError: the raster has no such band.
        """
        if bands is not None and not all(1 <= band <= self.source.channel for band in bands):
            raise DataError(f'the raster has the bands 1 to {self.source.channel}, but bands={list(bands)}')
        self.bands = None if bands is None else list(bands)
        self.channel = self.source.channel if bands is None else len(bands)

    def read(self, grid: Sequence[int] | None = None) -> np.ndarray:
        """Pixels `(height, width, C)` of `grid`, which begins with x, y, width and height; all by default."""
        x, y, width, height = grid[:4] if grid is not None else (0, 0, self.width, self.height)
        pixels = self.source.read((x, y, width, height))
        return np.ascontiguousarray(pixels if self.bands is None else pixels[..., [band - 1 for band in self.bands]])

    def create_grids(self, window_size: tuple[int, int], stride: tuple[int, int] = (0, 0)) -> list[Grid]:
        """Set and return `grids`. Both arguments are `(width, height)`; stride 0 is the size of the window."""
        self.grids = make_grids((self.width, self.height), window_size, stride)
        return self.grids

    def create_seg_map(self, output_path: str | Path | None = None, dtype: str = 'uint8', palette: Any = None) -> None:
        """Begin the label map: a GeoTIFF with the georeference of the image, or another kind of image by its suffix.

        Args:
            output_path: `<name>_label.tif` beside the raster by default; in memory for a raster without a path.
            palette: RGB of each class, for a colour table.
        """
        if output_path is None and self.path is not None:
            output_path = self.path.with_name(f'{self.path.stem}_label.tif')
        self.output_path = None if output_path is None else Path(output_path)
        self._target = open_target(self.output_path, self.source, dtype, palette)

    def write(self, data: np.ndarray, grid: Sequence[int] | None = None) -> None:
        """Put labels `(height, width)` where `grid` says; beginning the label map if that was not done."""
        if self._target is None:
            self.create_seg_map()
        assert self._target is not None
        x, y, width, height = grid[:4] if grid is not None else (0, 0, self.width, self.height)
        self._target.write(data, (x, y, width, height))

    def finish_seg_map(self, complete: bool = True) -> None:
        """End the file of the label map; remove it if it is not complete."""
        if self._target is None:
            return
        self._target.close(complete)
        if isinstance(self._target, ArrayTarget):
            self.seg_map = self._target.array
        self._target = None

    def close(self) -> None:
        """Let go of the file of the raster."""
        self.source.close()

    def __enter__(self) -> RSImage:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


__all__ = ['RSImage']
