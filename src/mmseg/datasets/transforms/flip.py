"""Flip by chance, with all label maps."""

from __future__ import annotations

from mmcv.image import imflip
from mmcv.transforms import RandomFlip as MMCV_RandomFlip
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomFlip(MMCV_RandomFlip):
    """As in mmcv, for all `seg_fields`."""

    def _flip(self, results: dict) -> None:
        direction = results['flip_direction']
        results['img'] = imflip(results['img'], direction=direction)
        shape = results['img'].shape[:2]
        if results.get('gt_bboxes') is not None:
            results['gt_bboxes'] = self._flip_bbox(results['gt_bboxes'], shape, direction)
        for key in results.get('seg_fields', []):
            results[key] = self._flip_seg_map(results[key], direction)
            results['swap_seg_labels'] = self.swap_seg_labels
