"""Attention between two feature maps."""

from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.model.weight_init import constant_init


class SelfAttentionBlock(nn.Module):
    """Dot-product attention of the pixels of a query map over those of a key map (as in OCR, ANN and ISA).

    Args:
        channels: Channels of keys and queries; `out_channels` is that of the values and the output.
        share_key_query: One projection for both (needs equal `key_in_channels` and `query_in_channels`).
        query_downsample, key_downsample: Modules applied after the projections; None leaves the size.
        key_query_num_convs, value_out_num_convs: Convolutions of each projection.
        key_query_norm, value_out_norm: Projections are ConvModules (norm and activation) rather than bare convolutions.
        matmul_norm: Divide the scores by `sqrt(channels)`.
        with_out: Project the output too.
    """

    def __init__(
        self,
        key_in_channels: int,
        query_in_channels: int,
        channels: int,
        out_channels: int,
        share_key_query: bool,
        query_downsample: nn.Module | None,
        key_downsample: nn.Module | None,
        key_query_num_convs: int,
        value_out_num_convs: int,
        key_query_norm: bool,
        value_out_norm: bool,
        matmul_norm: bool,
        with_out: bool,
        conv_cfg: dict | None,
        norm_cfg: dict | None,
        act_cfg: dict | None,
    ) -> None:
        super().__init__()
        if share_key_query and key_in_channels != query_in_channels:
            raise ValueError(
                f'share_key_query needs equal channels, but key has {key_in_channels} and query {query_in_channels}.'
            )
        self.key_in_channels = key_in_channels
        self.query_in_channels = query_in_channels
        self.channels = channels
        self.out_channels = out_channels
        self.share_key_query = share_key_query
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        cfgs: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}

        def project(source: int, target: int, num_convs: int, with_norm: bool) -> nn.Module:
            return self.build_project(source, target, num_convs=num_convs, use_conv_module=with_norm, **cfgs)

        self.key_project = project(key_in_channels, channels, key_query_num_convs, key_query_norm)
        if share_key_query:
            self.query_project = self.key_project
        else:
            self.query_project = project(query_in_channels, channels, key_query_num_convs, key_query_norm)
        value_channels = channels if with_out else out_channels
        self.value_project = project(key_in_channels, value_channels, value_out_num_convs, value_out_norm)
        self.out_project = project(channels, out_channels, value_out_num_convs, value_out_norm) if with_out else None
        self.query_downsample = query_downsample
        self.key_downsample = key_downsample
        self.matmul_norm = matmul_norm
        self.init_weights()

    def init_weights(self) -> None:
        """The output projection starts at zero, so that the block starts as no change."""
        if self.out_project is not None and not isinstance(self.out_project, ConvModule):
            constant_init(self.out_project, 0)

    def build_project(
        self,
        in_channels: int,
        channels: int,
        num_convs: int,
        use_conv_module: bool,
        conv_cfg: dict | None,
        norm_cfg: dict | None,
        act_cfg: dict | None,
    ) -> nn.Module:
        widths = [in_channels] + [channels] * num_convs
        convs: list[nn.Module] = [
            ConvModule(source, channels, 1, conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)
            if use_conv_module
            else nn.Conv2d(source, channels, 1)
            for source in widths[:-1]
        ]
        return convs[0] if len(convs) == 1 else nn.Sequential(*convs)

    def forward(self, query_feats: Tensor, key_feats: Tensor) -> Tensor:
        """`query_feats (N, C, H, W)` and `key_feats (N, C', H', W')` to `(N, out_channels, h, w)`."""
        query = self.query_project(query_feats)
        if self.query_downsample is not None:
            query = self.query_downsample(query)
        height, width = query.shape[2:]
        key = self.key_project(key_feats)
        value = self.value_project(key_feats)
        if self.key_downsample is not None:
            key = self.key_downsample(key)
            value = self.key_downsample(value)

        similarity = torch.matmul(query.flatten(2).transpose(1, 2), key.flatten(2))
        if self.matmul_norm:
            similarity = similarity * self.channels**-0.5
        context = torch.matmul(similarity.softmax(dim=-1), value.flatten(2).transpose(1, 2))
        context = context.transpose(1, 2).reshape(len(query), -1, height, width).contiguous()
        return context if self.out_project is None else self.out_project(context)
