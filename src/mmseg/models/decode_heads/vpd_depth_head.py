"""VPD's head for depth (Zhao et al., Unleashing Text-to-Image Diffusion Models for Visual Perception)."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import build_norm_layer, build_upsample_layer
from mmengine.model import BaseModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils.typing_utils import SampleList


class VPDDepthDecoder(BaseModule):
    """Transposed convolutions, each of which doubles the size, a convolution, and four times the size by resampling.

    Args:
        num_deconv_layers, num_deconv_filters: how many, and their channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_deconv_layers: int,
        num_deconv_filters: Sequence[int],
        init_cfg: Any = {'type': 'Normal', 'std': 0.001, 'layer': ['Conv2d', 'ConvTranspose2d']},
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        layers: list[nn.Module] = []
        for width in num_deconv_filters[:num_deconv_layers]:
            layers += [
                build_upsample_layer({'type': 'deconv'}, in_channels, width, kernel_size=2, stride=2, bias=False),
                build_norm_layer({'type': 'BN'}, width)[1],
                nn.ReLU(inplace=True),
            ]
            in_channels = width
        self.deconv_layers = nn.Sequential(*layers)
        self.conv_layers = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            build_norm_layer({'type': 'BN'}, out_channels)[1],
            nn.ReLU(inplace=True),
        )
        self.up_sample = nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.up_sample(self.up_sample(self.conv_layers(self.deconv_layers(x))))


@MODELS.register_module()
class VPDDepthHead(BaseDecodeHead):
    """Four features of a diffusion model to depth.

    Args:
        max_depth: depth is between 0 and this.
        in_channels: of the features, each of half the size of the one before.
        embed_dim: `feature_dim` is eight times this, what the decoder works on.
        fmap_border: rows and columns (or one number for both) at the end of the map before the decoder that are cut
            off, since the backbone padded the image there.
    """

    num_classes = 1
    out_channels = 1
    input_transform = None

    def __init__(
        self,
        max_depth: float = 10.0,
        in_channels: Sequence[int] = [320, 640, 1280, 1280],
        embed_dim: int = 192,
        feature_dim: int = 1536,
        num_deconv_layers: int = 3,
        num_deconv_filters: Sequence[int] = (32, 32, 32),
        fmap_border: int | Sequence[int] = 0,
        align_corners: bool = False,
        loss_decode: dict = {'type': 'SiLogLoss'},
        init_cfg: Any = {'type': 'TruncNormal', 'std': 0.02, 'layer': ['Conv2d', 'Linear']},
    ) -> None:
        # Not that of BaseDecodeHead, which makes a classifier.
        super(BaseDecodeHead, self).__init__(init_cfg=init_cfg)
        self.max_depth = max_depth
        self.align_corners = align_corners
        self.in_channels: Any = in_channels
        self.threshold = None
        self.fmap_border = (fmap_border, fmap_border) if isinstance(fmap_border, int) else tuple(fmap_border)
        first, second = in_channels[:2]
        self.conv1 = nn.Sequential(
            nn.Conv2d(first, first, 3, stride=2, padding=1),
            nn.GroupNorm(16, first),
            nn.ReLU(),
            nn.Conv2d(first, first, 3, stride=2, padding=1),
        )
        self.conv2 = nn.Conv2d(second, second, 3, stride=2, padding=1)
        self.conv_aggregation = nn.Sequential(
            nn.Conv2d(sum(in_channels), feature_dim, 1), nn.GroupNorm(16, feature_dim), nn.ReLU()
        )
        self.decoder = VPDDepthDecoder(embed_dim * 8, embed_dim, num_deconv_layers, num_deconv_filters)
        self.depth_pred_layer = nn.Sequential(
            nn.Conv2d(embed_dim, embed_dim, 3, padding=1), nn.ReLU(), nn.Conv2d(embed_dim, 1, 3, padding=1)
        )
        self.loss_decode: Any = MODELS.build(loss_decode)

    def extra_repr(self) -> str:
        return f'max_depth={self.max_depth}, fmap_border={self.fmap_border}, align_corners={self.align_corners}'

    def _stack_batch_gt(self, batch_data_samples: SampleList) -> Tensor:
        """`(N, 1, H, W)`."""
        maps: list[Any] = [sample.get('gt_depth_map') for sample in batch_data_samples]
        return torch.stack([depth.data for depth in maps])

    def forward(self, x: Any) -> Tensor:
        """Features to depth `(N, 1, H, W)`."""
        last = F.interpolate(x[3], scale_factor=2)
        x = self.conv_aggregation(torch.cat([self.conv1(x[0]), self.conv2(x[1]), x[2], last], dim=1))
        rows, columns = self.fmap_border
        x = x[:, :, : x.shape[2] - rows, : x.shape[3] - columns]
        return self.depth_pred_layer(self.decoder(x)).sigmoid() * self.max_depth

    def loss_by_feat(self, pred_depth_map: Tensor, batch_data_samples: SampleList) -> dict:
        """Losses, by name, of depth and samples with `gt_depth_map`."""
        depth = self._stack_batch_gt(batch_data_samples)
        pred = resize(pred_depth_map, size=depth.shape[2:], mode='bilinear', align_corners=self.align_corners)
        return {self.loss_decode.loss_name: self.loss_decode(pred.float(), depth)}
