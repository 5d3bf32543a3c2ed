"""OCRNet head (Yuan et al., Object-Contextual Representations for Semantic Segmentation)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.cascade_decode_head import BaseCascadeDecodeHead
from mmseg.models.utils import SelfAttentionBlock, resize
from mmseg.registry import MODELS


class SpatialGatherModule(nn.Module):
    """One feature for each class: the mean over pixels, weighed by a softmax of the class's logits over the image.

    Args:
        scale: Factor of the logits.
    """

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, feats: Tensor, probs: Tensor) -> Tensor:
        """`feats (N, C, H, W)` and logits `probs (N, K, H, W)` to `(N, C, K, 1)`."""
        weights = F.softmax(self.scale * probs.flatten(2), dim=2)
        context = torch.matmul(weights, feats.flatten(2).transpose(1, 2))
        return context.transpose(1, 2).contiguous().unsqueeze(3)


class ObjectAttentionBlock(SelfAttentionBlock):
    """Attention of pixels over the features of classes, concatenated to the pixels and convolved.

    Args:
        scale: Above 1, the queries are pooled by it and the result is resized back.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        scale: int,
        conv_cfg: dict | None,
        norm_cfg: dict | None,
        act_cfg: dict | None,
    ) -> None:
        super().__init__(
            key_in_channels=in_channels,
            query_in_channels=in_channels,
            channels=channels,
            out_channels=in_channels,
            share_key_query=False,
            query_downsample=nn.MaxPool2d(kernel_size=scale) if scale > 1 else None,
            key_downsample=None,
            key_query_num_convs=2,
            value_out_num_convs=1,
            key_query_norm=True,
            value_out_norm=True,
            matmul_norm=True,
            with_out=True,
            conv_cfg=conv_cfg,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
        )
        self.bottleneck = ConvModule(
            in_channels * 2, in_channels, 1, conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg
        )

    def forward(self, query_feats: Tensor, key_feats: Tensor) -> Tensor:
        """`query_feats (N, C, H, W)` and `key_feats (N, C, K, 1)` to `(N, C, H, W)`."""
        context = super().forward(query_feats, key_feats)
        if self.query_downsample is not None:
            context = resize(context, size=query_feats.shape[2:], mode='bilinear', align_corners=False)
        return self.bottleneck(torch.cat([context, query_feats], dim=1))


@MODELS.register_module()
class OCRHead(BaseCascadeDecodeHead):
    """Pixels attend to features of the object classes, which the logits of the head before gather.

    Args:
        ocr_channels: Channels of keys and queries.
        scale: Factor of the logits that gather, and pooling of the queries.
    """

    def __init__(self, ocr_channels: int, scale: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ocr_channels = ocr_channels
        self.scale = scale
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.object_context_block = ObjectAttentionBlock(self.channels, ocr_channels, scale, **shared)
        self.spatial_gather_module = SpatialGatherModule(scale)
        self.bottleneck = ConvModule(self.in_channels, self.channels, 3, padding=1, **shared)

    def forward(self, inputs: Any, prev_output: Tensor) -> Tensor:  # type: ignore[override]
        """Features, and logits `(N, num_classes, H, W)` of the head before, to logits."""
        feats = self.bottleneck(self._transform_inputs(inputs))
        context = self.spatial_gather_module(feats, prev_output)
        return self.cls_seg(self.object_context_block(feats, context))
