"""ISANet head."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import SelfAttentionBlock as _SelfAttentionBlock
from mmseg.registry import MODELS


class SelfAttentionBlock(_SelfAttentionBlock):
    """Attention of a map to itself, projected.

    Args:
        channels: Channels of keys and queries.
    """

    def __init__(
        self, in_channels: int, channels: int, conv_cfg: dict | None, norm_cfg: dict | None, act_cfg: dict | None
    ) -> None:
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        super().__init__(
            key_in_channels=in_channels,
            query_in_channels=in_channels,
            channels=channels,
            out_channels=in_channels,
            share_key_query=False,
            query_downsample=None,
            key_downsample=None,
            key_query_num_convs=2,
            key_query_norm=True,
            value_out_num_convs=1,
            value_out_norm=False,
            matmul_norm=True,
            with_out=False,
            **shared,
        )
        self.output_project = self.build_project(in_channels, in_channels, num_convs=1, use_conv_module=True, **shared)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return self.output_project(super().forward(x, x))


@MODELS.register_module()
class ISAHead(BaseDecodeHead):
    """Attention over distant pixels, then over near ones (Huang et al., Interlaced Sparse Self-Attention).

    Args:
        isa_channels: Channels of keys and queries.
        down_factor: Height and width of the blocks of near pixels. Pixels at the same place of their block attend
            to each other first.
    """

    def __init__(self, isa_channels: int, down_factor: Sequence[int] = (8, 8), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.down_factor = down_factor
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.in_conv = ConvModule(self.in_channels, self.channels, 3, padding=1, **shared)
        self.global_relation = SelfAttentionBlock(self.channels, isa_channels, **shared)
        self.local_relation = SelfAttentionBlock(self.channels, isa_channels, **shared)
        self.out_conv = ConvModule(self.channels * 2, self.channels, 1, **shared)

    def forward(self, inputs: Any) -> Tensor:
        residual = self.in_conv(self._transform_inputs(inputs))
        n, c, h, w = residual.shape
        near_h, near_w = self.down_factor
        far_h, far_w = math.ceil(h / near_h), math.ceil(w / near_w)
        pad_h, pad_w = far_h * near_h - h, far_w * near_w - w
        top, left = pad_h // 2, pad_w // 2
        x = F.pad(residual, (left, pad_w - left, top, pad_h - top)) if pad_h or pad_w else residual

        x = x.view(n, c, far_h, near_h, far_w, near_w).permute(0, 3, 5, 1, 2, 4)
        x = self.global_relation(x.reshape(-1, c, far_h, far_w))
        x = x.view(n, near_h, near_w, c, far_h, far_w).permute(0, 4, 5, 3, 1, 2)
        x = self.local_relation(x.reshape(-1, c, near_h, near_w))
        x = x.view(n, far_h, far_w, c, near_h, near_w).permute(0, 3, 1, 4, 2, 5)
        x = x.reshape(n, c, far_h * near_h, far_w * near_w)[:, :, top : top + h, left : left + w]
        return self.cls_seg(self.out_conv(torch.cat([x, residual], dim=1)))
