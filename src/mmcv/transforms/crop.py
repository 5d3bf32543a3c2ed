"""Crop the middle."""

from __future__ import annotations

import numpy as np

from mmcv.image.geometric import imcrop
from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS


@TRANSFORMS.register_module()
class CenterCrop(BaseTransform):
    """Crop `crop_size` `(w, h)` from the middle of `img`, `gt_seg_map`, `gt_bboxes` and `gt_keypoints`.

    A smaller image is kept as it is in that direction, or padded first with `auto_pad` (by `pad_cfg`).
    """

    def __init__(
        self,
        crop_size: int | tuple[int, int],
        auto_pad: bool = False,
        pad_cfg: dict = dict(type='Pad'),  # noqa: C408
        clip_object_border: bool = True,
    ) -> None:
        size = (crop_size, crop_size) if isinstance(crop_size, int) else crop_size
        if size[0] <= 0 or size[1] <= 0:
            raise ValueError(f'crop_size should be positive, but got {crop_size}')
        self.crop_size = size
        self.auto_pad = auto_pad
        self.pad_cfg = pad_cfg.copy()
        if 'size' in self.pad_cfg and auto_pad:
            raise ValueError('pad_cfg takes no `size`: it follows from crop_size and the image')
        self.clip_object_border = clip_object_border

    def _crop_img(self, results: dict, bboxes: np.ndarray) -> None:
        if results.get('img') is not None:
            img = imcrop(results['img'], bboxes=bboxes)
            assert isinstance(img, np.ndarray)
            results['img'] = img
            results['img_shape'] = img.shape[:2]
            results['pad_shape'] = img.shape[:2]

    def _crop_seg_map(self, results: dict, bboxes: np.ndarray) -> None:
        if results.get('gt_seg_map') is not None:
            results['gt_seg_map'] = imcrop(results['gt_seg_map'], bboxes=bboxes)

    def _crop_bboxes(self, results: dict, bboxes: np.ndarray) -> None:
        if 'gt_bboxes' in results:
            boxes = results['gt_bboxes'] - np.tile(bboxes[:2], 2)
            if self.clip_object_border:
                h, w = results['img'].shape[:2]
                boxes = np.clip(boxes, 0, [w, h, w, h])
            results['gt_bboxes'] = boxes

    def _crop_keypoints(self, results: dict, bboxes: np.ndarray) -> None:
        """Those that end up outside are moved to the border and marked as invisible."""
        if 'gt_keypoints' in results:
            h, w = results['img'].shape[:2]
            keypoints = results['gt_keypoints']
            moved = keypoints[..., :2] - bboxes[:2]
            inside = ((moved >= 0) & (moved < [w, h])).all(axis=-1, keepdims=True)
            results['gt_keypoints'] = np.concatenate(
                [np.clip(moved, 0, [w, h]), np.where(inside, keypoints[..., 2:], 0)], axis=-1
            )

    def transform(self, results: dict) -> dict:
        img = results['img']
        crop_w, crop_h = self.crop_size
        h, w = img.shape[:2]
        if self.auto_pad and (crop_h > h or crop_w > w):
            pad = TRANSFORMS.build({**self.pad_cfg, 'size': (max(crop_w, w), max(crop_h, h))})
            results = pad(results)
            h, w = results['img'].shape[:2]
        y1, x1 = max(0, round((h - crop_h) / 2)), max(0, round((w - crop_w) / 2))
        box = np.array([x1, y1, min(w, x1 + crop_w) - 1, min(h, y1 + crop_h) - 1])
        self._crop_img(results, box)
        self._crop_seg_map(results, box)
        self._crop_bboxes(results, box)
        self._crop_keypoints(results, box)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(crop_size={self.crop_size}, auto_pad={self.auto_pad}, '
            f'pad_cfg={self.pad_cfg}, clip_object_border={self.clip_object_border})'
        )
