"""TIFF files of any number of channels. OpenCV reads at most four, and drops those it does not understand silently."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from mmengine.utils.errors import MissingDependencyError

_SAMPLES_PER_PIXEL = 277
_MAX_PAGES = 4096  # a loop of pages in a broken file ends here


@dataclass(frozen=True)
class TiffLayout:
    """What the header of a TIFF file says; bands may be the channels of a page, or pages."""

    channels: int
    pages: int

    @property
    def bands(self) -> int:
        return self.channels * self.pages


def tiff_layout(content: bytes) -> TiffLayout | None:
    """The layout of a TIFF or BigTIFF file; None for other or broken content."""
    order = {b'II': '<', b'MM': '>'}.get(content[:2])
    if order is None or len(content) < 16:
        return None
    (magic,) = struct.unpack_from(order + 'H', content, 2)
    if magic not in (42, 43):
        return None
    # The sizes of: an offset, the number of entries, an entry and where its value is.
    offset_format, count_format, entry, value = ('I', 'H', 12, 8) if magic == 42 else ('Q', 'Q', 20, 12)
    channels, pages = 1, 0
    try:
        (at,) = struct.unpack_from(order + offset_format, content, 4 if magic == 42 else 8)
        while at and pages < _MAX_PAGES:
            (entries,) = struct.unpack_from(order + count_format, content, at)
            first = at + struct.calcsize(count_format)
            for start in range(first, first + entries * entry, entry) if pages == 0 else ():
                if struct.unpack_from(order + 'H', content, start)[0] == _SAMPLES_PER_PIXEL:
                    (channels,) = struct.unpack_from(order + 'H', content, start + value)
            pages += 1
            (at,) = struct.unpack_from(order + offset_format, content, first + entries * entry)
    except (struct.error, OverflowError):
        return None
    return TiffLayout(channels, pages) if pages else None


def read_tiff(content: bytes) -> np.ndarray:
    """`(H, W)` or `(H, W, C)` of the type in the file, channels in its order; pages are channels.

    Raises:
        MissingDependencyError: the package tifffile is not there.
        OSError: the content is no TIFF file, or a broken one.
    """
    try:
        tifffile: Any = import_module('tifffile')
    except ImportError as error:
        raise MissingDependencyError(
            "TIFF images of many channels need tifffile: pip install 'mmnext[tiff]'"
        ) from error
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            series = file.series[0]
            array, axes = series.asarray(), series.axes
    except (ValueError, IndexError, struct.error) as error:  # its own errors are ValueErrors
        raise OSError(f'a broken TIFF file: {error}') from error
    return np.moveaxis(array, 0, -1) if array.ndim == 3 and axes.endswith('YX') else array
