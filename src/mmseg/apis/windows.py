"""Overlapping windows of a raster, and label maps put together from their predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from mmengine.utils.errors import ConfigError


class Grid(NamedTuple):
    """A window and the part of it that is kept when borders are cropped, in pixels; `keep_x`, `keep_y` in the window.

    The kept parts of all windows cover each pixel of the raster once.
    """

    x: int
    y: int
    width: int
    height: int
    keep_x: int
    keep_y: int
    keep_width: int
    keep_height: int


def make_grids(size: tuple[int, int], window_size: tuple[int, int], stride: tuple[int, int] = (0, 0)) -> list[Grid]:
    """Windows, row by row. All arguments are `(width, height)`; a stride of 0 is the size of the window.

    The last window of a row or column is moved back into the raster; a raster smaller than a window is one.
    """
    columns, rows = (_spans(*axis) for axis in zip(size, window_size, stride, strict=True))
    return [
        Grid(x, y, width, height, left - x, top - y, right - left, bottom - top)
        for y, height, top, bottom in rows
        for x, width, left, right in columns
    ]


def _spans(length: int, window: int, stride: int) -> list[tuple[int, int, int, int]]:
    """Start and length of the windows along an axis, and where their kept part begins and ends."""
    if window < 1 or not 0 <= stride <= window:
        raise ConfigError(f'a window needs a positive size and a stride up to it, but got {window} and {stride}')
    window, stride = min(window, length), stride or window
    starts = [*range(0, length - window, stride), length - window]
    middles = [(before + window + after) // 2 for before, after in zip(starts, starts[1:], strict=False)]
    return [
        (start, window, left, right)
        for start, left, right in zip(starts, [0, *middles], [*middles, length], strict=True)
    ]


class CropBands:
    """Keeps of each window the part that is nearest to it. Memory: a row of windows, one label a pixel."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._band: Tensor | None = None

    def add(self, grid: Grid, labels: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Take labels `(h, w)`, window after window; gives `(first row, labels (rows, width))` that are complete."""
        if self._band is None:
            self._band = labels.new_empty(grid.keep_height, self.width)
        left = grid.x + grid.keep_x
        rows = slice(grid.keep_y, grid.keep_y + grid.keep_height)
        columns = slice(grid.keep_x, grid.keep_x + grid.keep_width)
        self._band[:, left : left + grid.keep_width] = labels[rows, columns]
        if left + grid.keep_width == self.width:
            yield grid.y + grid.keep_y, self._band
            self._band = None

    def finish(self) -> Iterator[tuple[int, Tensor]]:
        """Nothing is left after the last window."""
        yield from ()


class BlendBands:
    """Averages logits with weights that fall towards the borders of a window.

    Memory: a row of windows, one float32 a pixel and class.

    Args:
        threshold: of probabilities, where there is one channel; labels are the largest logits otherwise.
    """

    def __init__(self, width: int, threshold: float | None = None) -> None:
        self.width = width
        self.threshold = threshold
        self._top = 0
        self._sums: Tensor | None = None  # (C, rows, width) from row _top on
        self._weights = torch.empty(0)

    def add(self, grid: Grid, logits: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Take logits `(C, h, w)`, window after window; gives `(first row, labels (rows, width))` that are complete."""
        if self._sums is None:
            self._sums = logits.new_zeros(len(logits), grid.height, self.width)
            self._weights = logits.new_zeros(grid.height, self.width)
        if grid.y > self._top:
            yield from self._complete(grid.y - self._top)
        weight = taper(grid.height, grid.width)
        columns = slice(grid.x, grid.x + grid.width)
        self._sums[:, :, columns] += logits * weight
        self._weights[:, columns] += weight

    def finish(self) -> Iterator[tuple[int, Tensor]]:
        """What the last row of windows left."""
        if self._sums is not None:
            yield from self._complete(self._sums.shape[1])

    def _complete(self, rows: int) -> Iterator[tuple[int, Tensor]]:
        """Decide the upper rows, and move the others up."""
        assert self._sums is not None
        mean = self._sums[:, :rows] / self._weights[:rows]
        yield self._top, mean.argmax(0) if self.threshold is None else (mean[0] > self.threshold).long()
        self._top += rows
        for kept in (self._sums, self._weights):
            rest = kept[..., rows:, :].clone()
            kept.zero_()[..., : rest.shape[-2], :] = rest


def taper(height: int, width: int) -> Tensor:
    """Weights `(height, width)` in (0, 1]: the product of two linear falls from the middle to the borders."""

    def fall(length: int) -> Tensor:
        place = torch.arange(length)
        return (torch.minimum(place, length - 1 - place) + 1) / ((length + 1) // 2)

    return fall(height)[:, None] * fall(width)
