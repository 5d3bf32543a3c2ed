"""Test-time augmentation of segmentors."""

from typing import Any

from torch import Tensor

from mmengine.model import BaseTTAModel
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils.typing_utils import SampleList


@MODELS.register_module()
class SegTTAModel(BaseTTAModel):
    """Averages the probabilities of all views of an image.

    The views are back in the original image already: not flipped, and of its size.
    """

    def merge_preds(self, data_samples_list: list[SampleList]) -> SampleList:  # type: ignore[override]
        """One sample an image, with the mean probabilities as `seg_logits (C, H, W)`, and `pred_sem_seg (1, H, W)`.

        Args:
            data_samples_list: the samples of all views, for each image.
        """
        return [self._merge(views) for views in data_samples_list]

    def _merge(self, views: SampleList) -> SegDataSample:
        # One channel holds probabilities already.
        pixels: list[Any] = [view.seg_logits for view in views]
        maps: list[Tensor] = [view.data for view in pixels]
        scores = maps[0].new_zeros(maps[0].shape)
        for logits in maps:
            scores += logits.softmax(dim=0) if logits.shape[0] > 1 else logits
        scores /= len(maps)
        if len(scores) > 1:
            labels = scores.argmax(dim=0, keepdim=True)
        else:
            labels = (scores > self.module.decode_head.threshold).to(scores)
        first = views[0]
        merged = SegDataSample(metainfo=first.metainfo)
        merged.set_data({'pred_sem_seg': PixelData(data=labels), 'seg_logits': PixelData(data=scores)})
        if 'gt_sem_seg' in first:
            merged.gt_sem_seg = first.gt_sem_seg
        return merged
