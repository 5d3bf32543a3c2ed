"""From published images and masks to arrays of labels."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import cv2
import numpy as np
from PIL import Image

from mmengine.utils.errors import DataError, MissingDependencyError

from .jobs import Content
from .source import File

IGNORED = 255


def image(file: File) -> np.ndarray:
    """`(H, W, 3)` BGR uint8.

    Raises:
        DataError: the file is no image.
    """
    content = file.read()
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if decoded is None:  # GIF and rare kinds of TIFF
        decoded = _pillow(file, content, 'RGB')[..., ::-1]
    return decoded


def raw_mask(file: File) -> np.ndarray:
    """`(H, W)` or RGB `(H, W, 3)`: the indices of a palette image, the values of a grey one, else the colours."""
    return _pillow(file, file.read(), None)


def _pillow(file: File, content: bytes, mode: str | None) -> np.ndarray:
    # The limit is against images from strangers; some aerial ones are larger.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(io.BytesIO(content)) as opened:
            if mode is None and opened.mode in ('1', 'RGBA', 'CMYK', 'LA'):
                mode = {'1': 'L', 'LA': 'L'}.get(opened.mode, 'RGB')
            return np.array(opened if mode is None else opened.convert(mode))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f'{file} is no image, or a truncated one: {error}') from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def grey_mask(file: File) -> np.ndarray:
    """`(H, W)`: `raw_mask`, where colours may only be shades of grey."""
    mask = raw_mask(file)
    if mask.ndim == 3:
        if not (mask == mask[..., :1]).all():
            raise DataError(f'{file} holds colours, where grey values are needed')
        mask = mask[..., 0]
    return mask


def foreground(file: File) -> np.ndarray:
    """1 where a black and white mask is white, `(H, W)` uint8; a palette is looked through."""
    return (_pillow(file, file.read(), 'L') >= 128).astype(np.uint8)


def relabelled(mask: np.ndarray, labels: Mapping[int, int], file: File) -> np.ndarray:
    """`mask` with its values replaced, uint8.

    Raises:
        DataError: it has other values.
    """
    table = np.full(max(int(mask.max(initial=0)), *labels) + 1, -1, np.int16)
    table[list(labels)] = list(labels.values())
    found = table[mask]
    if (found < 0).any():
        values = np.unique(mask[found < 0]).tolist()
        raise DataError(f'{file} has the values {values[:10]}, which are no labels of this data set')
    return found.astype(np.uint8)


def labels_of_colours(
    mask: np.ndarray, palette: Sequence[Sequence[int]], owner: object, unknown: int = 0, tolerance: float = 0.02
) -> np.ndarray:
    """The index in `palette` (RGB) of each colour of `mask` RGB `(H, W, 3)`, uint8; other colours become `unknown`.

    Raises:
        DataError: more than `tolerance` of the pixels have other colours.
    """
    if mask.ndim != 3 or mask.shape[2] < 3:
        raise DataError(f'{owner} has shape {mask.shape}, where colours (H, W, 3) are needed')
    weights = np.array([1 << 16, 1 << 8, 1], np.int32)
    codes = np.array(palette, np.int32) @ weights
    order = np.argsort(codes)
    packed = mask[..., 0].astype(np.int32) << 16 | mask[..., 1].astype(np.int32) << 8 | mask[..., 2]
    places = np.searchsorted(codes[order], packed).clip(max=len(codes) - 1)
    known = codes[order][places] == packed
    if known.size and (share := 1 - known.mean()) > tolerance:
        others = [f'#{code:06x}' for code in np.unique(packed[~known])[:6].tolist()]
        raise DataError(
            f'{share:.0%} of the pixels of {owner} have colours that are none of the classes: {", ".join(others)}'
        )
    return np.where(known, order[places], unknown).astype(np.uint8)


def starts(length: int, size: int, stride: int) -> list[int]:
    """Where tiles begin; the last one ends at the border."""
    if length <= size:
        return [0]
    regular = list(range(0, length - size, stride))
    return [*regular, length - size]


def tiles(array: np.ndarray, size: int, stride: int) -> Iterator[tuple[tuple[int, int, int, int], np.ndarray]]:
    """Left, top, right, bottom, and the tile; a smaller array is one tile."""
    h, w = array.shape[:2]
    for top in starts(h, size, stride):
        for left in starts(w, size, stride):
            tile = array[top : top + size, left : left + size]
            yield (left, top, left + tile.shape[1], top + tile.shape[0]), tile


def binary_mask(file: File, target: str) -> Iterator[tuple[str, Content]]:
    """A job: 0 and 1 of a black and white mask."""
    yield target, foreground(file)


def as_png(file: File, target: str) -> Iterator[tuple[str, Content]]:
    """A job: an image in another format."""
    yield target, image(file)


def read_mat(file: File) -> dict[str, Any]:
    """What a MATLAB file holds.

    Raises:
        MissingDependencyError: scipy is not there.
    """
    try:
        scipy_io: Any = import_module('scipy.io')
    except ImportError as error:
        raise MissingDependencyError("reading .mat files needs scipy: pip install 'mmnext[mask]'") from error
    try:
        return scipy_io.loadmat(io.BytesIO(file.read()), struct_as_record=False)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise DataError(f'{file} is no MATLAB file that scipy reads: {error}') from error
