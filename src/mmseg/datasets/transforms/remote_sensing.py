"""Images of any number of channels, and pairs of images of one place."""

from __future__ import annotations

import os

import cv2
import numpy as np

from mmcv.image.tiff import tiff_layout
from mmcv.transforms import BaseTransform
from mmcv.transforms.loading import decode
from mmengine.utils.errors import DataError, MissingDependencyError
from mmseg.registry import TRANSFORMS


def read_bands(path: str) -> np.ndarray:
    """All bands of a raster file as `(H, W, C)`, in the order of the file (colour is RGB).

    Ordinary images and TIFF files of one or three channels need no further package, other TIFF files `rasterio` or
    `tifffile`, and all others `rasterio`.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in ('.png', '.jpg', '.jpeg', '.bmp'):
        try:
            return _by_rasterio(path)
        except ImportError as error:
            if suffix not in ('.tif', '.tiff'):
                raise MissingDependencyError(f"reading {path} needs rasterio: pip install 'mmnext[raster]'") from error
    with open(path, 'rb') as file:
        content = file.read()
    layout = tiff_layout(content)
    img = decode(path, content, 'unchanged', 'cv2' if layout is None or layout.bands in (1, 3) else 'tifffile')
    if img.ndim == 2:
        return img[..., None]
    if layout is not None and layout.bands != 3:
        return img
    return cv2.cvtColor(img, cv2.COLOR_BGR2RGB if img.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


def _by_rasterio(path: str) -> np.ndarray:
    import rasterio

    try:
        with rasterio.open(path) as file:
            return file.read().transpose(1, 2, 0)
    except rasterio.errors.RasterioIOError as error:
        raise DataError(f'cannot read the image {path}: {error}') from error


@TRANSFORMS.register_module()
class LoadSingleRSImageFromFile(BaseTransform):
    """Read all bands of `img_path` into `img` `(H, W, C)`."""

    def __init__(self, to_float32: bool = True) -> None:
        self.to_float32 = to_float32

    def transform(self, results: dict) -> dict:
        img = read_bands(results['img_path'])
        results['img'] = img.astype(np.float32) if self.to_float32 else img
        results['img_shape'] = results['ori_shape'] = img.shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(to_float32={self.to_float32})'


@TRANSFORMS.register_module()
class LoadMultipleRSImageFromFile(BaseTransform):
    """Read all bands of `img_path` and `img_path2` into `img` and `img2`, both `(H, W, C)`."""

    def __init__(self, to_float32: bool = True) -> None:
        self.to_float32 = to_float32

    def transform(self, results: dict) -> dict:
        img, img2 = read_bands(results['img_path']), read_bands(results['img_path2'])
        if img.shape != img2.shape:
            raise DataError(
                f'the images {results["img_path"]} and {results["img_path2"]} differ in shape: '
                f'{img.shape} and {img2.shape}'
            )
        results['img'] = img.astype(np.float32) if self.to_float32 else img
        results['img2'] = img2.astype(np.float32) if self.to_float32 else img2
        results['img_shape'] = results['ori_shape'] = img.shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(to_float32={self.to_float32})'


@TRANSFORMS.register_module()
class ConcatCDInput(BaseTransform):
    """Join the images of `input_keys` along their channels into `img`."""

    def __init__(self, input_keys: tuple[str, ...] = ('img', 'img2')) -> None:
        self.input_keys = input_keys

    def transform(self, results: dict) -> dict:
        results['img'] = np.concatenate([results.pop(key) for key in self.input_keys], axis=2)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(input_keys={self.input_keys})'
