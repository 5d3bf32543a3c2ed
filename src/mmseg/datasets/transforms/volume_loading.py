"""Read volumes: arrays `(C, Z, Y, X)`, and label maps `(Z, Y, X)`."""

from __future__ import annotations

import gzip
import io
import pickle
from importlib import import_module
from typing import Any

import numpy as np

from mmcv.image.io import read_bytes
from mmcv.transforms import BaseTransform
from mmengine.utils.errors import DataError, MissingDependencyError
from mmseg.registry import TRANSFORMS

BACKENDS = ('nifti', 'numpy', 'pickle')


def decode_volume(path: str, content: bytes, backend: str) -> np.ndarray:
    """The array of a NIfTI file (axes X, Y, Z), a .npy file, or a pickled array. Pickles that hold code are refused.

    Raises:
        DataError: the file holds no such array.
    """
    try:
        if backend == 'nifti':
            return _nifti(content)
        if backend == 'numpy':
            return np.load(io.BytesIO(content))
        data = _ArrayUnpickler(io.BytesIO(content)).load()
    except (OSError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(f'cannot read the volume {path} as {backend}: {error}') from error
    if not isinstance(data, np.ndarray):
        raise DataError(f'the file {path} holds a {type(data).__name__}, where an array is needed')
    return data


def _nifti(content: bytes) -> np.ndarray:
    try:
        nibabel: Any = import_module('nibabel')
    except ImportError as error:
        raise MissingDependencyError("reading NIfTI files needs nibabel: pip install 'mmnext[nifti]'") from error
    plain = gzip.decompress(content) if content[:2] == b'\x1f\x8b' else content
    kind = nibabel.Nifti2Image if plain[:1] == b'\x1c' or plain[3:4] == b'\x1c' else nibabel.Nifti1Image
    try:
        return kind.from_bytes(plain).get_fdata()
    except nibabel.spatialimages.HeaderDataError as error:
        raise ValueError(str(error)) from error


class _ArrayUnpickler(pickle.Unpickler):
    """Arrays and plain containers only: a pickle can run anything."""

    def find_class(self, module: str, name: str) -> Any:
        arrays = module.split('.')[0] == 'numpy' and name in (
            '_reconstruct',
            'ndarray',
            'dtype',
            'scalar',
            '_frombuffer',
        )
        if not arrays and (module, name) != ('collections', 'OrderedDict'):
            raise pickle.UnpicklingError(f'it refers to {module}.{name}, which is not loaded from data files')
        return super().find_class(module, name)


class _LoadVolume(BaseTransform):
    def __init__(
        self, decode_backend: str, to_xyz: bool, to_float32: bool = True, backend_args: dict | None = None
    ) -> None:
        if decode_backend not in BACKENDS:
            raise ValueError(f'decode_backend should be one of {BACKENDS}, but got {decode_backend!r}')
        self.decode_backend = decode_backend
        self.to_xyz = to_xyz
        self.to_float32 = to_float32
        self.backend_args = None if backend_args is None else backend_args.copy()

    def _read(self, path: str) -> np.ndarray:
        """The array in the wanted order of axes: NIfTI is stored as XYZ, the others as ZYX."""
        array = decode_volume(path, read_bytes(path, None, self.backend_args), self.decode_backend)
        if array.ndim not in (3, 4):
            raise DataError(f'the volume {path} has shape {array.shape}, where 3 axes, or 4 with channels, are needed')
        if (self.decode_backend == 'nifti') != self.to_xyz:
            lead = tuple(range(array.ndim - 3))
            array = array.transpose(*lead, *(len(lead) + axis for axis in (2, 1, 0)))
        return array.astype(np.float32) if self.to_float32 else array

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(decode_backend='{self.decode_backend}', to_xyz={self.to_xyz}, "
            f'to_float32={self.to_float32}, backend_args={self.backend_args})'
        )


def _note_image(results: dict, volume: np.ndarray) -> dict:
    results['img'] = volume if volume.ndim == 4 else volume[None]
    results['img_shape'] = results['ori_shape'] = results['img'].shape[1:]
    return results


@TRANSFORMS.register_module()
class LoadBiomedicalImageFromFile(_LoadVolume):
    """Read `img_path` into `img` `(C, Z, Y, X)`, or `(C, X, Y, Z)` with `to_xyz`; `img_shape`, `ori_shape` have no C.

    `decode_backend` is `nifti`, `numpy` or `pickle`.
    """

    def __init__(
        self,
        decode_backend: str = 'nifti',
        to_xyz: bool = False,
        to_float32: bool = True,
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(decode_backend, to_xyz, to_float32, backend_args)

    def transform(self, results: dict) -> dict:
        return _note_image(results, self._read(results['img_path']))


@TRANSFORMS.register_module()
class LoadBiomedicalAnnotation(_LoadVolume):
    """Read `seg_map_path` into `gt_seg_map` `(Z, Y, X)`, or `(X, Y, Z)` with `to_xyz`."""

    def __init__(
        self,
        decode_backend: str = 'nifti',
        to_xyz: bool = False,
        to_float32: bool = True,
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(decode_backend, to_xyz, to_float32, backend_args)

    def transform(self, results: dict) -> dict:
        results['gt_seg_map'] = self._read(results['seg_map_path'])
        return results


@TRANSFORMS.register_module()
class LoadBiomedicalData(_LoadVolume):
    """Read `img_path`, an array whose last channel is the label map: `img` is the others, float32.

    `with_seg` keeps the labels, as `gt_seg_map`.
    """

    def __init__(
        self,
        with_seg: bool = False,
        decode_backend: str = 'numpy',
        to_xyz: bool = False,
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(decode_backend, to_xyz, backend_args=backend_args)
        self.with_seg = with_seg

    def transform(self, results: dict) -> dict:
        data = self._read(results['img_path'])
        if data.ndim != 4 or len(data) < 2:
            raise DataError(
                f'{results["img_path"]} has shape {data.shape}, where channels and a label map as the last one are '
                'needed: (C + 1, Z, Y, X)'
            )
        if self.with_seg:
            results['gt_seg_map'] = data[-1]
        return _note_image(results, data[:-1])

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(with_seg={self.with_seg}, decode_backend='{self.decode_backend}', "
            f'to_xyz={self.to_xyz}, backend_args={self.backend_args})'
        )
