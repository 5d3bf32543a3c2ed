"""A sample of semantic segmentation."""

from __future__ import annotations

from mmengine.structures import BaseDataElement, PixelData


class SegDataSample(BaseDataElement):
    """Truth and prediction of one image.

    `gt_sem_seg.data` and `pred_sem_seg.data` are `(1, H, W)` int64 class ids; `seg_logits.data` is `(C, H, W)` float.
    Further fields of the same kind need no declaration: `gt_edge_map` `(1, H, W)` of 0 and 1, `gt_depth_map` float.
    """

    _gt_sem_seg: PixelData
    _pred_sem_seg: PixelData
    _seg_logits: PixelData

    @property
    def gt_sem_seg(self) -> PixelData:
        return self._gt_sem_seg

    @gt_sem_seg.setter
    def gt_sem_seg(self, value: PixelData) -> None:
        self.set_field(value, '_gt_sem_seg', dtype=PixelData)

    @gt_sem_seg.deleter
    def gt_sem_seg(self) -> None:
        del self._gt_sem_seg

    @property
    def pred_sem_seg(self) -> PixelData:
        return self._pred_sem_seg

    @pred_sem_seg.setter
    def pred_sem_seg(self, value: PixelData) -> None:
        self.set_field(value, '_pred_sem_seg', dtype=PixelData)

    @pred_sem_seg.deleter
    def pred_sem_seg(self) -> None:
        del self._pred_sem_seg

    @property
    def seg_logits(self) -> PixelData:
        return self._seg_logits

    @seg_logits.setter
    def seg_logits(self, value: PixelData) -> None:
        self.set_field(value, '_seg_logits', dtype=PixelData)

    @seg_logits.deleter
    def seg_logits(self) -> None:
        del self._seg_logits
