"""The detail head of STDC."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmengine.structures import PixelData
from mmseg.models.decode_heads.fcn_head import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils.typing_utils import SampleList


@MODELS.register_module()
class STDCHead(FCNHead):
    """Learns where labels change (Fan et al., Rethinking BiSeNet, section 3.3); for training only.

    Its truth is made from the segmentation: a Laplacian of the label map at full, half and quarter resolution, each
    compared with a threshold, and the three averaged by fixed weights and compared again.

    Args:
        boundary_threshold: Above it, a pixel is detail.
    """

    laplacian_kernel: Tensor

    def __init__(self, boundary_threshold: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.boundary_threshold = boundary_threshold
        laplacian = torch.full((1, 1, 3, 3), -1.0)
        laplacian[0, 0, 1, 1] = 8
        self.register_buffer('laplacian_kernel', laplacian)
        # Both kernels are constants, but stand in checkpoints.
        weights = torch.tensor([6 / 10, 3 / 10, 1 / 10]).reshape(1, 3, 1, 1)
        self.fusion_kernel = nn.Parameter(weights, requires_grad=False)

    def _boundaries(self, label: Tensor) -> Tensor:
        """Labels `(N, 1, H, W)` to 0 or 1, of the same shape."""
        label = label.to(self.laplacian_kernel)
        maps = []
        for stride in (1, 2, 4):
            edges = F.conv2d(label, self.laplacian_kernel, stride=stride, padding=1)
            # Interpolation by the nearest pixel, so that the threshold may come before it.
            edges = (edges > self.boundary_threshold).to(label)
            maps.append(F.interpolate(edges, label.shape[2:], mode='nearest'))
        fused = F.conv2d(torch.cat(maps, dim=1), self.fusion_kernel)
        return (fused > self.boundary_threshold).long()

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: SampleList) -> dict:
        boundaries = self._boundaries(self._stack_batch_gt(batch_data_samples))
        samples = [SegDataSample(gt_sem_seg=PixelData(data=boundary)) for boundary in boundaries]
        return super().loss_by_feat(seg_logits, samples)
