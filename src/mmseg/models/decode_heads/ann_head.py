"""ANN head."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import SelfAttentionBlock as _SelfAttentionBlock
from mmseg.registry import MODELS


class PPMConcat(nn.ModuleList):
    """The means over grids of `pool_scales`, one after the other: `(N, C, H, W)` to `(N, C, sum(scale**2))`."""

    def __init__(self, pool_scales: Sequence[int] = (1, 3, 6, 8)) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(scale) for scale in pool_scales)

    def forward(self, feats: Tensor) -> Tensor:
        return torch.cat([pool(feats).flatten(2) for pool in self], dim=2)


class SelfAttentionBlock(_SelfAttentionBlock):
    """Attention of `high` features over a few pooled positions of `low` ones.

    Args:
        query_scale: By which the queries, and so the output, are downsampled.
        key_pool_scales: Grids of keys and values.
    """

    def __init__(
        self,
        low_in_channels: int,
        high_in_channels: int,
        channels: int,
        out_channels: int,
        share_key_query: bool,
        query_scale: int,
        key_pool_scales: Sequence[int],
        conv_cfg: dict | None,
        norm_cfg: dict | None,
        act_cfg: dict | None,
    ) -> None:
        super().__init__(
            key_in_channels=low_in_channels,
            query_in_channels=high_in_channels,
            channels=channels,
            out_channels=out_channels,
            share_key_query=share_key_query,
            query_downsample=nn.MaxPool2d(kernel_size=query_scale) if query_scale > 1 else None,
            key_downsample=PPMConcat(key_pool_scales),
            key_query_num_convs=1,
            key_query_norm=True,
            value_out_num_convs=1,
            value_out_norm=False,
            matmul_norm=True,
            with_out=True,
            conv_cfg=conv_cfg,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
        )


class _PyramidNonLocal(nn.Module):
    """The sum of attention at several `query_scales`, concatenated to the queries and convolved."""

    def __init__(
        self,
        low_in_channels: int,
        high_in_channels: int,
        channels: int,
        out_channels: int,
        share_key_query: bool,
        query_scales: Sequence[int],
        key_pool_scales: Sequence[int],
        conv_cfg: dict | None,
        norm_cfg: dict | None,
        act_cfg: dict | None,
        bottleneck_act_cfg: dict | None,
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            SelfAttentionBlock(
                low_in_channels=low_in_channels,
                high_in_channels=high_in_channels,
                channels=channels,
                out_channels=out_channels,
                share_key_query=share_key_query,
                query_scale=query_scale,
                key_pool_scales=key_pool_scales,
                conv_cfg=conv_cfg,
                norm_cfg=norm_cfg,
                act_cfg=act_cfg,
            )
            for query_scale in query_scales
        )
        self.bottleneck = ConvModule(
            out_channels + high_in_channels,
            out_channels,
            1,
            conv_cfg=conv_cfg,
            norm_cfg=norm_cfg,
            act_cfg=bottleneck_act_cfg,
        )

    def _attend(self, low_feats: Tensor, high_feats: Tensor) -> Tensor:
        size = high_feats.shape[2:]
        contexts = [stage(high_feats, low_feats) for stage in self.stages]
        contexts = [x if x.shape[2:] == size else F.interpolate(x, size, mode='bilinear') for x in contexts]
        return self.bottleneck(torch.cat([reduce(torch.add, contexts), high_feats], dim=1))


class AFNB(_PyramidNonLocal):
    """Asymmetric fusion non-local block (section 3.3): `high` features attend to `low` ones."""

    def __init__(
        self,
        low_in_channels: int,
        high_in_channels: int,
        channels: int,
        out_channels: int,
        query_scales: Sequence[int],
        key_pool_scales: Sequence[int],
        conv_cfg: dict | None,
        norm_cfg: dict | None,
        act_cfg: dict | None,
    ) -> None:
        super().__init__(
            low_in_channels,
            high_in_channels,
            channels,
            out_channels,
            share_key_query=False,
            query_scales=query_scales,
            key_pool_scales=key_pool_scales,
            conv_cfg=conv_cfg,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
            bottleneck_act_cfg=None,
        )

    def forward(self, low_feats: Tensor, high_feats: Tensor) -> Tensor:
        """To `(N, out_channels, H, W)`, the size of `high_feats`."""
        return self._attend(low_feats, high_feats)


class APNB(_PyramidNonLocal):
    """Asymmetric pyramid non-local block (section 3.2): features attend to themselves."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        out_channels: int,
        query_scales: Sequence[int],
        key_pool_scales: Sequence[int],
        conv_cfg: dict | None,
        norm_cfg: dict | None,
        act_cfg: dict | None,
    ) -> None:
        super().__init__(
            in_channels,
            in_channels,
            channels,
            out_channels,
            share_key_query=True,
            query_scales=query_scales,
            key_pool_scales=key_pool_scales,
            conv_cfg=conv_cfg,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
            bottleneck_act_cfg=act_cfg,
        )

    def forward(self, feats: Tensor) -> Tensor:
        return self._attend(feats, feats)


@MODELS.register_module()
class ANNHead(BaseDecodeHead):
    """Non-local attention over pooled keys (Zhu et al., Asymmetric Non-local Neural Networks).

    Takes two features, the earlier (low) one first.

    Args:
        project_channels: Channels of keys and queries.
        query_scales: Downsampling of the queries, one attention each.
        key_pool_scales: Grids of keys and values.
    """

    def __init__(
        self,
        project_channels: int,
        query_scales: Sequence[int] = (1,),
        key_pool_scales: Sequence[int] = (1, 3, 6, 8),
        **kwargs: Any,
    ) -> None:
        super().__init__(input_transform='multiple_select', **kwargs)
        low, high = self.in_channels
        self.project_channels = project_channels
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        scales: dict[str, Any] = {'query_scales': query_scales, 'key_pool_scales': key_pool_scales}
        self.fusion = AFNB(low, high, channels=project_channels, out_channels=high, **scales, **shared)
        self.bottleneck = ConvModule(high, self.channels, 3, padding=1, **shared)
        self.context = APNB(self.channels, channels=project_channels, out_channels=self.channels, **scales, **shared)

    def forward(self, inputs: Any) -> Tensor:
        low, high = self._transform_inputs(inputs)
        x = self.fusion(low, high)
        if self.dropout is not None:
            x = self.dropout(x)
        return self.cls_seg(self.context(self.bottleneck(x)))
