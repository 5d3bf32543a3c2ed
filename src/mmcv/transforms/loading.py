"""Read images and annotations."""

from __future__ import annotations

import numpy as np

from mmcv.image.io import imfrombytes, read_bytes
from mmcv.image.tiff import tiff_layout
from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS
from mmengine.utils.errors import DataError


def decode_error(path: str, content: bytes, backend: str, what: str = 'image') -> DataError:
    """What to say of a file whose content is no image."""
    reason = f'its {len(content)} bytes are no {what} that the backend {backend!r} can decode'
    layout = tiff_layout(content)
    if layout is not None and layout.bands > 4:
        return DataError(
            f'cannot read the {what} {path}: it is a TIFF file of {layout.bands} channels; LoadImageFromFile reads it '
            "with color_type='unchanged' and imdecode_backend='tifffile'"
        )
    return DataError(
        f'cannot read the {what} {path}: {"it is empty" if not content else reason}. '
        'The file may be truncated or of another format; replace it or take it out of the list.'
    )


def decode(path: str, content: bytes, flag: str, backend: str, what: str = 'image') -> np.ndarray:
    """Decode `content`, read from `path`.

    Raises:
        DataError: naming the file, where it is empty, truncated or no image.
    """
    try:
        img = imfrombytes(content, flag=flag, backend=backend)
    except (OSError, SyntaxError) as error:  # what Pillow and tifffile raise for a broken file
        raise decode_error(path, content, backend, what) from error
    if img is None:
        raise decode_error(path, content, backend, what)
    return img


@TRANSFORMS.register_module()
class LoadImageFromFile(BaseTransform):
    """Read `img_path` into `img`, `(H, W, 3)` BGR uint8 by default, with `img_shape` and `ori_shape` `(h, w)`.

    `color_type='unchanged'` keeps the type (16 bit, float) and all channels of a file; TIFF of many channels needs the
    package tifffile.

    `ignore_empty` drops a sample (gives None) where its file cannot be read.

    Raises:
        DataError: the file is no image, or a truncated one.
    """

    def __init__(
        self,
        to_float32: bool = False,
        color_type: str = 'color',
        imdecode_backend: str = 'cv2',
        file_client_args: dict | None = None,
        ignore_empty: bool = False,
        *,
        backend_args: dict | None = None,
    ) -> None:
        if file_client_args is not None and backend_args is not None:
            raise ValueError('"file_client_args" and "backend_args" cannot be set at the same time')
        self.to_float32 = to_float32
        self.color_type = color_type
        self.imdecode_backend = imdecode_backend
        self.file_client_args = file_client_args
        self.ignore_empty = ignore_empty
        self.backend_args = None if backend_args is None else backend_args.copy()

    def transform(self, results: dict) -> dict | None:
        path = results['img_path']
        try:
            content = read_bytes(path, self.file_client_args, self.backend_args)
            img = decode(path, content, self.color_type, self.imdecode_backend)
        except (OSError, DataError):
            if self.ignore_empty:
                return None
            raise
        if self.to_float32:
            img = img.astype(np.float32)
        results['img'] = img
        results['img_shape'] = img.shape[:2]
        results['ori_shape'] = img.shape[:2]
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(ignore_empty={self.ignore_empty}, to_float32={self.to_float32}, '
            f"color_type='{self.color_type}', imdecode_backend='{self.imdecode_backend}', "
            f'backend_args={self.backend_args})'
        )


@TRANSFORMS.register_module()
class LoadAnnotations(BaseTransform):
    """Turn `instances` into `gt_bboxes` `(N, 4)`, `gt_bboxes_labels`, `gt_keypoints` `(N, K, 3)`, and
    read `seg_map_path` into `gt_seg_map` `(H, W)`.
    """

    def __init__(
        self,
        with_bbox: bool = True,
        with_label: bool = True,
        with_seg: bool = False,
        with_keypoints: bool = False,
        imdecode_backend: str = 'cv2',
        file_client_args: dict | None = None,
        *,
        backend_args: dict | None = None,
    ) -> None:
        if file_client_args is not None and backend_args is not None:
            raise ValueError('"file_client_args" and "backend_args" cannot be set at the same time')
        self.with_bbox = with_bbox
        self.with_label = with_label
        self.with_seg = with_seg
        self.with_keypoints = with_keypoints
        self.imdecode_backend = imdecode_backend
        self.file_client_args = file_client_args
        self.backend_args = None if backend_args is None else backend_args.copy()

    def _load_bboxes(self, results: dict) -> None:
        boxes = [instance['bbox'] for instance in results['instances']]
        results['gt_bboxes'] = np.array(boxes, dtype=np.float32).reshape(-1, 4)

    def _load_labels(self, results: dict) -> None:
        labels = [instance['bbox_label'] for instance in results['instances']]
        results['gt_bboxes_labels'] = np.array(labels, dtype=np.int64)

    def _load_seg_map(self, results: dict) -> None:
        path = results['seg_map_path']
        content = read_bytes(path, self.file_client_args, self.backend_args)
        results['gt_seg_map'] = decode(path, content, 'unchanged', self.imdecode_backend, 'mask').squeeze()

    def _load_kps(self, results: dict) -> None:
        keypoints = [np.reshape(instance['keypoints'], (-1, 3)) for instance in results['instances']]
        results['gt_keypoints'] = np.stack(keypoints).astype(np.float32) if keypoints else np.zeros((0, 0, 3), 'f4')

    def transform(self, results: dict) -> dict:
        if self.with_bbox:
            self._load_bboxes(results)
        if self.with_label:
            self._load_labels(results)
        if self.with_seg:
            self._load_seg_map(results)
        if self.with_keypoints:
            self._load_kps(results)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(with_bbox={self.with_bbox}, with_label={self.with_label}, '
            f'with_seg={self.with_seg}, with_keypoints={self.with_keypoints}, '
            f"imdecode_backend='{self.imdecode_backend}', backend_args={self.backend_args})"
        )
