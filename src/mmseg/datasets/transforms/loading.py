"""Read label maps, depth maps and images of several kinds."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from mmcv.image.io import read_bytes
from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmcv.transforms import LoadAnnotations as MMCV_LoadAnnotations
from mmcv.transforms.loading import decode
from mmengine.utils.errors import ConfigError, DataError
from mmseg.datasets.transforms.volume_loading import (
    LoadBiomedicalAnnotation,
    LoadBiomedicalData,
    LoadBiomedicalImageFromFile,
)
from mmseg.registry import TRANSFORMS

__all__ = [
    'InferencerLoader',
    'LoadAnnotations',
    'LoadBiomedicalAnnotation',
    'LoadBiomedicalData',
    'LoadBiomedicalImageFromFile',
    'LoadDepthAnnotation',
    'LoadImageFromNDArray',
]


def _as_labels(mask: np.ndarray, path: str) -> np.ndarray:
    """`(H, W)`, uint8 where the labels fit, else int32; never wrapped around."""
    if mask.ndim == 3:
        # A grey image may have been saved with its channel repeated; anything else is a picture in colours.
        if mask.shape[2] not in (3, 4) or not (mask[..., :3] == mask[..., :1]).all():
            raise DataError(
                f'the mask {path} has shape {mask.shape}: it holds colours, where one class id a pixel is needed; '
                'convert it with the palette of the dataset'
            )
        mask = mask[..., 0]
    if mask.dtype == np.uint8:
        return mask
    if mask.size and (mask.min() < 0 or mask.max() > 255):
        if not np.issubdtype(mask.dtype, np.integer):
            raise DataError(f'the mask {path} holds {mask.dtype} values up to {mask.max()}, not class ids')
        return mask.astype(np.int32)
    return mask.astype(np.uint8)


def _zero_reduced(labels: np.ndarray) -> np.ndarray:
    """0 becomes the ignored 255, each other label one less, 255 stays."""
    return np.where((labels == 0) | (labels == 255), 255, labels - 1).astype(labels.dtype)


@TRANSFORMS.register_module()
class LoadAnnotations(MMCV_LoadAnnotations):
    """Read `seg_map_path` into `gt_seg_map` `(H, W)`, uint8 (int32 where labels exceed 255); add it to `seg_fields`.

    First `reduce_zero_label` applies (0 becomes 255, the others one less), then `label_map` of the sample.

    Raises:
        DataError: the file is no image.
        ConfigError: `reduce_zero_label` is another than that of the dataset.
    """

    def __init__(
        self,
        reduce_zero_label: bool | None = None,
        backend_args: dict | None = None,
        imdecode_backend: str = 'pillow',
    ) -> None:
        super().__init__(
            with_bbox=False,
            with_label=False,
            with_seg=True,
            with_keypoints=False,
            imdecode_backend=imdecode_backend,
            backend_args=backend_args,
        )
        self.reduce_zero_label = reduce_zero_label

    def _load_seg_map(self, results: dict) -> None:
        path = results['seg_map_path']
        content = read_bytes(path, self.file_client_args, self.backend_args)
        mask = decode(path, content, 'unchanged', self.imdecode_backend, 'mask').squeeze()
        labels = _as_labels(mask, path)

        reduce = results['reduce_zero_label'] if self.reduce_zero_label is None else self.reduce_zero_label
        if reduce != results.get('reduce_zero_label', reduce):
            raise ConfigError(
                f'LoadAnnotations has reduce_zero_label={reduce}, but the dataset has '
                f'{results["reduce_zero_label"]}; set it in the dataset only'
            )
        label_map = results.get('label_map')
        if reduce or label_map is not None:
            # One table does both; it covers all labels that occur.
            table = np.arange(256 if labels.dtype == np.uint8 else int(labels.max()) + 1, dtype=labels.dtype)
            if reduce:
                table = _zero_reduced(table)
            if label_map is not None:
                before = table.copy()
                for old, new in label_map.items():
                    table[before == old] = new
            labels = table[labels]
        results['gt_seg_map'] = labels
        results['seg_fields'].append('gt_seg_map')

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(reduce_zero_label={self.reduce_zero_label}, '
            f"imdecode_backend='{self.imdecode_backend}', backend_args={self.backend_args})"
        )


@TRANSFORMS.register_module()
class LoadImageFromNDArray(LoadImageFromFile):
    """Take `img`, an array `(H, W, C)`, as it is. Sets `img_path` to None, `img_shape` and `ori_shape`."""

    def transform(self, results: dict) -> dict:
        img = results['img'].astype(np.float32) if self.to_float32 else results['img']
        results['img'] = img
        results['img_path'] = None
        results['img_shape'] = img.shape[:2]
        results['ori_shape'] = img.shape[:2]
        return results


@TRANSFORMS.register_module()
class LoadDepthAnnotation(BaseTransform):
    """Read `depth_map_path` into `gt_depth_map` `(H, W)`, times `depth_rescale_factor`, and note it in `seg_fields`.

    `decode_backend` is `cv2` (an image file) or `numpy` (an .npy file).
    """

    def __init__(
        self,
        decode_backend: str = 'cv2',
        to_float32: bool = True,
        depth_rescale_factor: float = 1.0,
        backend_args: dict | None = None,
    ) -> None:
        if decode_backend not in ('cv2', 'numpy'):
            raise ValueError(f"decode_backend should be 'cv2' or 'numpy', but got {decode_backend!r}")
        self.decode_backend = decode_backend
        self.to_float32 = to_float32
        self.depth_rescale_factor = depth_rescale_factor
        self.backend_args = None if backend_args is None else backend_args.copy()

    def transform(self, results: dict) -> dict:
        path = results['depth_map_path']
        content = read_bytes(path, None, self.backend_args)
        if self.decode_backend == 'cv2':
            depth = decode(path, content, 'unchanged', 'cv2', 'depth map')
        else:
            depth = np.load(io.BytesIO(content))
        if self.to_float32:
            depth = depth.astype(np.float32)
        results['gt_depth_map'] = depth * self.depth_rescale_factor
        results['seg_fields'].append('gt_depth_map')
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(decode_backend={self.decode_backend!r}, to_float32={self.to_float32}, '
            f'depth_rescale_factor={self.depth_rescale_factor}, backend_args={self.backend_args})'
        )


@TRANSFORMS.register_module()
class InferencerLoader(BaseTransform):
    """Load what a caller of an inferencer gives: an array, a path, or a dict with `img` or `img_path`.

    `kwargs` are those of `LoadImageFromFile`.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.from_file = LoadImageFromFile(**kwargs)
        self.from_ndarray = LoadImageFromNDArray(**kwargs)

    def transform(self, results: dict | str | np.ndarray) -> dict | None:
        if isinstance(results, str | Path):
            results = {'img_path': str(results)}
        elif isinstance(results, np.ndarray):
            results = {'img': results}
        elif not isinstance(results, dict):
            raise NotImplementedError(f'an input should be a path, an array or a dict, but got {type(results)}')
        return self.from_ndarray(results) if 'img' in results else self.from_file(results)
