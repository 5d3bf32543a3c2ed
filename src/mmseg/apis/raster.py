"""Rasters that are read and written by windows: through rasterio, or as whole arrays without it."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

from mmengine.utils.errors import DataError, MissingDependencyError
from mmseg.datasets.transforms.remote_sensing import read_bands

TIFF = ('.tif', '.tiff')
Box = tuple[int, int, int, int]  # x, y, width, height


class Source(Protocol):
    """What `RSImage` reads from."""

    width: int
    height: int
    channel: int

    def read(self, box: Box) -> np.ndarray:
        """Pixels `(height, width, C)`; several threads call this at a time."""

    def close(self) -> None:
        """Let go of the file."""


class Target(Protocol):
    """What `RSImage` writes to."""

    def write(self, labels: np.ndarray, box: Box) -> None:
        """Put labels `(height, width)` in place."""

    def close(self, complete: bool) -> None:
        """Finish the file, or remove it if it is not complete."""


def open_source(image: Any) -> Source:
    """A source of an array `(H, W)` or `(H, W, C)`, a path, an open rasterio dataset, or an object that is a source."""
    if isinstance(image, np.ndarray):
        return ArraySource(image)
    if not isinstance(image, str | Path):
        return RasterioSource(image.name) if hasattr(image, 'crs') else image
    if not Path(image).exists() and '://' not in str(image) and not str(image).startswith('/vsi'):
        raise DataError(f'no such raster: {image}')
    return ArraySource(_read_whole(Path(image))) if _rasterio() is None else RasterioSource(str(image))


def open_target(path: str | Path | None, source: Source, dtype: str, palette: Any = None) -> Target:
    """A label map of the size of `source`: a GeoTIFF with its georeference, another image, or just an array."""
    if path is not None and Path(path).suffix.lower() in TIFF and _rasterio() is not None:
        return RasterioTarget(Path(path), source, dtype, palette)
    return ArrayTarget(path, source, dtype)


class ArraySource:
    """A raster in memory, or a memory map."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array[..., None] if array.ndim == 2 else array
        self.height, self.width, self.channel = self.array.shape

    def read(self, box: Box) -> np.ndarray:
        """Pixels `(height, width, C)`."""
        x, y, width, height = box
        return self.array[y : y + height, x : x + width]

    def close(self) -> None:
        """Nothing is open."""


class ArrayTarget:
    """A label map in memory, `array (H, W)`, written by Pillow in the end if it has a path."""

    def __init__(self, path: str | Path | None, source: Source, dtype: str) -> None:
        self.path = path
        self.array = np.zeros((source.height, source.width), dtype)

    def write(self, labels: np.ndarray, box: Box) -> None:
        """Put labels `(height, width)` in place."""
        x, y, width, height = box
        self.array[y : y + height, x : x + width] = labels

    def close(self, complete: bool) -> None:
        """Write the file."""
        if complete and self.path is not None:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(self.array).save(self.path)


class RasterioSource:
    """A file that GDAL knows. Each thread has a handle of its own, since handles cannot be shared."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._local = threading.local()
        self._handles: list[Any] = []
        handle = self._handle()
        self.width, self.height, self.channel = handle.width, handle.height, handle.count
        self.georeference = {'crs': handle.crs, 'transform': handle.transform}
        points, crs = handle.gcps
        if points:
            self.georeference = {'crs': crs, 'gcps': points}

    def _handle(self) -> Any:
        if not hasattr(self._local, 'handle'):
            rasterio: Any = _rasterio()
            try:
                with _quiet():
                    self._local.handle = rasterio.open(self.path)
            except rasterio.errors.RasterioIOError as error:
                raise DataError(f'cannot read the raster {self.path}: {error}') from error
            self._handles.append(self._local.handle)
        return self._local.handle

    def read(self, box: Box) -> np.ndarray:
        """Pixels `(height, width, C)`."""
        from rasterio.windows import Window

        return self._handle().read(window=Window(*box)).transpose(1, 2, 0)

    def close(self) -> None:
        """Close the handles of all threads."""
        for handle in self._handles:
            handle.close()


class RasterioTarget:
    """A tiled and compressed GeoTIFF of one band with the georeference of `source`; whole or absent."""

    def __init__(self, path: Path, source: Source, dtype: str, palette: Any = None) -> None:
        rasterio: Any = _rasterio()
        self.path, self.part, self.dtype = path, path.with_name(f'.{path.name}.part'), dtype
        path.parent.mkdir(parents=True, exist_ok=True)
        tiled = {'tiled': True, 'blockxsize': 256, 'blockysize': 256} if min(source.width, source.height) > 256 else {}
        with _quiet():
            self._handle = rasterio.open(
                self.part,
                'w',
                driver='GTiff',
                width=source.width,
                height=source.height,
                count=1,
                dtype=dtype,
                compress='deflate',
                BIGTIFF='IF_SAFER',
                **tiled,
                **getattr(source, 'georeference', {}),
            )
        if palette is not None and dtype == 'uint8':
            self._handle.write_colormap(1, {label: (*color, 255) for label, color in enumerate(palette)})

    def write(self, labels: np.ndarray, box: Box) -> None:
        """Put labels `(height, width)` in place."""
        from rasterio.windows import Window

        self._handle.write(labels.astype(self.dtype), 1, window=Window(*box))

    def close(self, complete: bool) -> None:
        """Finish the file, or remove it."""
        self._handle.close()
        if complete:
            self.part.replace(self.path)
        else:
            self.part.unlink(missing_ok=True)


def _rasterio() -> Any:
    """The package, or None where it is not installed."""
    try:
        import rasterio
    except ImportError:
        return None
    return rasterio


class _quiet(warnings.catch_warnings):
    """A raster without georeference is no reason for a warning."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.filterwarnings('ignore', message='Dataset has no geotransform')


def _read_whole(path: Path) -> np.ndarray:
    """All pixels `(H, W, C)` without rasterio; an uncompressed TIFF file stays on the disk if tifffile is there."""
    if path.suffix.lower() not in TIFF:
        return read_bands(str(path))
    try:
        import tifffile  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        try:
            return np.asarray(Image.open(path))
        except UnidentifiedImageError as error:
            raise MissingDependencyError(f"{path} needs rasterio: pip install 'mmnext[raster]'") from error
    try:
        return tifffile.memmap(path, mode='r')
    except ValueError:  # compressed or tiled
        return tifffile.imread(path)
