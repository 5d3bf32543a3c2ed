"""Paint depth into the image."""

from __future__ import annotations

import numpy as np

from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomDepthMix(BaseTransform):
    """With probability `prob`, a vertical stripe of `img` becomes that of `gt_depth_map` ("vertical CutDepth").

    From https://arxiv.org/abs/2201.07436, section 3.4. `mix_scale_ratio` bounds the width of the stripe.
    """

    def __init__(self, prob: float = 0.25, mix_scale_ratio: float = 0.75) -> None:
        self.prob = prob
        self.mix_scale_ratio = mix_scale_ratio

    def transform(self, results: dict) -> dict:
        if np.random.rand() > self.prob:
            return results
        img, depth = results['img'], results['gt_depth_map']
        w = results['img_shape'][1]
        left = int(w * np.random.rand())
        right = left + max(int((w - left) * np.random.rand() * self.mix_scale_ratio), 1)
        img[:, left:right] = depth[:, left:right, None] if img.ndim == 3 else depth[:, left:right]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob}, mix_scale_ratio={self.mix_scale_ratio})'
