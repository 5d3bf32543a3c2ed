"""From the dict of a sample to what a model takes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from mmcv.transforms import BaseTransform, to_tensor
from mmengine.structures import PixelData
from mmseg.registry import TRANSFORMS
from mmseg.structures import SegDataSample


def image_to_tensor(img: np.ndarray) -> torch.Tensor:
    """`(H, W)` or `(H, W, C)` to a contiguous `(C, H, W)` of the same type; volumes `(C, Z, Y, X)` stay as they are."""
    if img.ndim == 4:
        return to_tensor(np.ascontiguousarray(img))
    if img.ndim == 2:
        img = img[..., None]
    if img.dtype == np.uint8 and img.shape[2] == 3 and img.size:
        planes = np.empty((3, *img.shape[:2]), np.uint8)
        cv2.split(img, list(planes))  # ten times as fast as a transposed copy
        return torch.from_numpy(planes)
    return to_tensor(np.ascontiguousarray(img.transpose(2, 0, 1)))


@TRANSFORMS.register_module()
class PackSegInputs(BaseTransform):
    """Give `inputs`, the image as a tensor `(C, H, W)`, and `data_samples`, a `SegDataSample`.

    It holds `gt_sem_seg` and `gt_edge_map` `(1, H, W)` int64, `gt_depth_map` `(1, H, W)`, as far as the sample has
    them, and the values of `meta_keys` as meta information.
    """

    def __init__(
        self,
        meta_keys: Sequence[str] = (
            'img_path',
            'seg_map_path',
            'ori_shape',
            'img_shape',
            'pad_shape',
            'scale_factor',
            'flip',
            'flip_direction',
            'reduce_zero_label',
        ),
    ) -> None:
        self.meta_keys = meta_keys

    def transform(self, results: dict) -> dict:
        packed: dict = {}
        if 'img' in results:
            packed['inputs'] = image_to_tensor(results['img'])
        sample = SegDataSample()
        if 'gt_seg_map' in results:
            labels = results['gt_seg_map']
            # More than two axes: several annotations, one a plane.
            labels = (labels[None] if labels.ndim == 2 else labels).astype(np.int64)
            sample.gt_sem_seg = PixelData(data=to_tensor(labels))
        if 'gt_edge_map' in results:
            edges = PixelData(data=to_tensor(results['gt_edge_map'][None].astype(np.int64)))
            sample.set_data({'gt_edge_map': edges})
        if 'gt_depth_map' in results:
            depth = PixelData(data=to_tensor(results['gt_depth_map'][None]))
            sample.set_data({'gt_depth_map': depth})
        sample.set_metainfo({key: results[key] for key in self.meta_keys if key in results})
        packed['data_samples'] = sample
        return packed

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'
