"""Features of a backbone to one map from which masks are made, and to what queries look at."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, ModuleList
from mmengine.model.weight_init import caffe2_xavier_init, normal_init, xavier_init
from mmseg.models.mask_classification.positional_encoding import SinePositionalEncoding
from mmseg.models.mask_classification.transformer import DeformableDetrTransformerEncoder

_GN = {'type': 'GN', 'num_groups': 32}
_RELU = {'type': 'ReLU'}


def _lateral_and_output(
    in_channels: Sequence[int], feat_channels: int, norm_cfg: dict | None, act_cfg: dict | None
) -> tuple[ModuleList, ModuleList]:
    """For each input a convolution that brings it to `feat_channels`, and one behind the sum with the map above."""
    shared: dict[str, Any] = {'norm_cfg': norm_cfg, 'bias': norm_cfg is None}
    lateral = [ConvModule(width, feat_channels, 1, act_cfg=None, **shared) for width in in_channels]
    output = [ConvModule(feat_channels, feat_channels, 3, padding=1, act_cfg=act_cfg, **shared) for _ in in_channels]
    return ModuleList(lateral), ModuleList(output)


class PixelDecoder(BaseModule):
    """A feature pyramid (Cheng et al., MaskFormer, section 4.1, "pixel-level module").

    Args:
        in_channels: of the features, from high resolution to low.
        feat_channels: within.
        out_channels: of the map that masks are made from.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        feat_channels: int,
        out_channels: int,
        norm_cfg: dict | None = _GN,
        act_cfg: dict | None = _RELU,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.num_inputs = len(in_channels)
        self.lateral_convs, self.output_convs = _lateral_and_output(in_channels[:-1], feat_channels, norm_cfg, act_cfg)
        self.last_feat_conv = ConvModule(
            in_channels[-1],
            feat_channels,
            3,
            padding=1,
            bias=norm_cfg is None,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
        )
        self.mask_feature = nn.Conv2d(feat_channels, out_channels, 3, padding=1)

    def init_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                caffe2_xavier_init(module, bias=0)

    def forward(self, feats: Sequence[Tensor], batch_img_metas: list[dict] | None = None) -> tuple[Tensor, Tensor]:
        """Features to the map for masks `(N, out_channels, h, w)` of the first one's size, and the last feature."""
        y = self.last_feat_conv(feats[-1])
        layers = list(zip(feats[:-1], self.lateral_convs, self.output_convs, strict=True))
        for feat, lateral, output in reversed(layers):
            y = output(lateral(feat) + F.interpolate(y, size=feat.shape[-2:], mode='nearest'))
        return self.mask_feature(y), feats[-1]


class MSDeformAttnPixelDecoder(BaseModule):
    """Deformable attention over the lower resolutions, a pyramid for the others (Mask2Former, section 3.2.2).

    Args:
        in_channels: of the features, from high resolution to low.
        strides: of the features; not needed, kept for the interface.
        feat_channels, out_channels: within, and of the map that masks are made from.
        num_outs: how many maps are put out for the queries, from low resolution to high.
        encoder: arguments of `DeformableDetrTransformerEncoder`; `num_levels` of its attention says how many of the
            features it sees.
        positional_encoding: arguments of `SinePositionalEncoding`.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = [256, 512, 1024, 2048],
        strides: Sequence[int] = [4, 8, 16, 32],
        feat_channels: int = 256,
        out_channels: int = 256,
        num_outs: int = 3,
        norm_cfg: dict | None = _GN,
        act_cfg: dict | None = _RELU,
        encoder: Any = None,
        positional_encoding: Any = {'num_feats': 128, 'normalize': True},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.strides = strides
        self.num_input_levels = len(in_channels)
        self.num_encoder_levels = encoder['layer_cfg']['self_attn_cfg']['num_levels']
        self.num_outs = num_outs
        pyramid = in_channels[: self.num_input_levels - self.num_encoder_levels]
        encoded = in_channels[self.num_input_levels - self.num_encoder_levels :]
        self.input_convs: Any = ModuleList(
            [
                ConvModule(width, feat_channels, 1, norm_cfg=norm_cfg, act_cfg=None, bias=True)
                for width in reversed(encoded)
            ]
        )
        self.encoder = DeformableDetrTransformerEncoder(**{k: v for k, v in encoder.items() if k != 'type'})
        self.positional_encoding = SinePositionalEncoding(
            **{k: v for k, v in positional_encoding.items() if k != 'type'}
        )
        self.level_encoding = nn.Embedding(self.num_encoder_levels, feat_channels)
        # From low resolution to high, unlike those of PixelDecoder.
        self.lateral_convs, self.output_convs = _lateral_and_output(pyramid[::-1], feat_channels, norm_cfg, act_cfg)
        self.mask_feature = nn.Conv2d(feat_channels, out_channels, 1)

    def init_weights(self) -> None:
        for conv in self.input_convs:
            xavier_init(conv.conv, gain=1, bias=0, distribution='uniform')
        for conv in [*self.lateral_convs, *self.output_convs]:
            caffe2_xavier_init(conv.conv, bias=0)
        caffe2_xavier_init(self.mask_feature, bias=0)
        normal_init(self.level_encoding, mean=0, std=1)
        for parameter in self.encoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_normal_(parameter)
        for layer in self.encoder.layers:
            layer.self_attn.init_weights()

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Features to the map for masks, and `num_outs` maps `(N, feat_channels, h, w)` from low resolution to high."""
        tokens, positions, points = [], [], []
        levels = feats[::-1][: self.num_encoder_levels]
        shapes = [(int(feat.shape[-2]), int(feat.shape[-1])) for feat in levels]
        for index, (feat, conv) in enumerate(zip(levels, self.input_convs, strict=True)):
            tokens.append(conv(feat).flatten(2).transpose(1, 2))
            nothing = torch.zeros((1, *feat.shape[-2:]), dtype=torch.bool, device=feat.device)
            encoding = self.positional_encoding(nothing).flatten(2).transpose(1, 2)
            positions.append(encoding.to(feat.dtype) + self.level_encoding.weight[index])
            points.append(_pixel_centres(feat))
        reference = torch.cat(points)[None, :, None].expand(len(feats[0]), -1, self.num_encoder_levels, -1)
        memory = self.encoder(
            torch.cat(tokens, dim=1),
            torch.cat(positions, dim=1),
            spatial_shapes=shapes,
            reference_points=reference,
        )
        parts = memory.transpose(1, 2).split([h * w for h, w in shapes], dim=-1)
        outs = [part.unflatten(-1, shape) for part, shape in zip(parts, shapes, strict=True)]
        rest = feats[: self.num_input_levels - self.num_encoder_levels][::-1]
        for feat, lateral, output in zip(rest, self.lateral_convs, self.output_convs, strict=True):
            above = F.interpolate(outs[-1], size=feat.shape[-2:], mode='bilinear', align_corners=False)
            outs.append(output(lateral(feat) + above))
        return self.mask_feature(outs[-1]), outs[: self.num_outs]


def _pixel_centres(feat: Tensor) -> Tensor:
    """x and y of each pixel of `(N, C, H, W)`, row by row, `(H * W, 2)` in [0, 1]."""
    height, width = feat.shape[-2:]
    y = (torch.arange(height, device=feat.device, dtype=torch.float32) + 0.5) / height
    x = (torch.arange(width, device=feat.device, dtype=torch.float32) + 0.5) / width
    rows, columns = torch.meshgrid(y, x, indexing='ij')
    return torch.stack([columns.flatten(), rows.flatten()], dim=-1)
