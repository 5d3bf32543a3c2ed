"""Mask2Former head."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmengine.model import ModuleList
from mmengine.model.weight_init import caffe2_xavier_init
from mmseg.models.mask_classification import (
    Mask2FormerTransformerDecoder,
    MaskClassificationHead,
    points_for_loss,
    points_for_matching,
)
from mmseg.registry import MODELS
from mmseg.utils.typing_utils import SampleList


@MODELS.register_module()
class Mask2FormerHead(MaskClassificationHead):
    """Masks from queries that look where their last mask is (Cheng et al., Masked-attention Mask Transformer).

    Args:
        num_transformer_feat_level: how many features of the pixel decoder the layers look at in turn.
        kwargs: of `MaskClassificationHead`; `train_cfg` also has `num_points`, `oversample_ratio` and
            `importance_sample_ratio` (section 3.3).
    """

    decoder_type = Mask2FormerTransformerDecoder

    def __init__(
        self,
        num_classes: int,
        align_corners: bool = False,
        ignore_index: int = 255,
        num_transformer_feat_level: int = 3,
        **kwargs: Any,
    ) -> None:
        self.num_transformer_feat_level = num_transformer_feat_level
        super().__init__(num_classes, align_corners=align_corners, ignore_index=ignore_index, **kwargs)
        if self.train_cfg:
            self.num_points: int = self.train_cfg.get('num_points', 12544)
            self.oversample_ratio: float = self.train_cfg.get('oversample_ratio', 3.0)
            self.importance_sample_ratio: float = self.train_cfg.get('importance_sample_ratio', 0.75)

    def _build_inputs(self, in_channels: Sequence[int], feat_channels: int, enforce_project: bool) -> None:
        dims = self.decoder_embed_dims
        self.num_transformer_decoder_layers = self.transformer_decoder.num_layers
        self.num_heads: int = self.transformer_decoder.layers[0].cross_attn.num_heads
        self.decoder_input_projs = ModuleList()
        for _ in range(self.num_transformer_feat_level):
            project = dims != feat_channels or enforce_project
            self.decoder_input_projs.append(nn.Conv2d(feat_channels, dims, 1) if project else nn.Identity())
        self.query_embed = nn.Embedding(self.num_queries, feat_channels)
        self.query_feat = nn.Embedding(self.num_queries, feat_channels)
        self.level_embed = nn.Embedding(self.num_transformer_feat_level, feat_channels)

    def init_weights(self) -> None:
        super().init_weights()
        for projection in self.decoder_input_projs:
            if isinstance(projection, nn.Conv2d):
                caffe2_xavier_init(projection, bias=0)
        for parameter in self.transformer_decoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_normal_(parameter)

    def _forward_head(
        self, decoder_out: Tensor, mask_feature: Tensor, attn_mask_target_size: Sequence[int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What queries `(N, Q, C)` predict, and where they may not look next.

        Returns:
            Logits `(N, Q, C + 1)` and `(N, Q, H, W)`, and bool `(N * heads, Q, h * w)`.
        """
        decoder_out = self.transformer_decoder.post_norm(decoder_out)
        mask_pred = torch.einsum('bqc,bchw->bqhw', self.mask_embed(decoder_out), mask_feature)
        with torch.no_grad():
            small = F.interpolate(mask_pred, tuple(attn_mask_target_size), mode='bilinear', align_corners=False)
            hidden = small.flatten(2) < 0  # where the probability of the mask is below one half
            # A query that may look nowhere looks everywhere.
            hidden &= ~hidden.all(dim=-1, keepdim=True)
            hidden = hidden.repeat_interleave(self.num_heads, dim=0)
        return self.cls_embed(decoder_out), mask_pred, hidden

    def forward(self, x: Any, batch_data_samples: SampleList | None = None) -> tuple[list[Tensor], list[Tensor]]:
        """Features to logits of classes `(N, Q, C + 1)` and masks `(N, Q, h, w)`, before the first layer and after
        each."""
        mask_features, maps = self.pixel_decoder(self._inputs(x))
        levels = self.num_transformer_feat_level
        tokens, positions = [], []
        for index in range(levels):
            projected = self.decoder_input_projs[index](maps[index])
            tokens.append(projected.flatten(2).transpose(1, 2) + self.level_embed.weight[index])
            nothing = torch.zeros((1, *projected.shape[-2:]), dtype=torch.bool, device=projected.device)
            encoding = self.decoder_positional_encoding(nothing).to(projected.dtype)
            positions.append(encoding.flatten(2).transpose(1, 2).expand_as(tokens[-1]))

        batch_size = len(mask_features)
        query = self.query_feat.weight[None].expand(batch_size, -1, -1)
        query_pos = self.query_embed.weight[None].expand(batch_size, -1, -1)
        cls_pred, mask_pred, hidden = self._forward_head(query, mask_features, maps[0].shape[-2:])
        cls_preds, mask_preds = [cls_pred], [mask_pred]
        for index, layer in enumerate(self.transformer_decoder.layers):
            level = index % levels
            query = layer(query, tokens[level], tokens[level], query_pos, positions[level], cross_attn_mask=hidden)
            size = maps[(index + 1) % levels].shape[-2:]
            cls_pred, mask_pred, hidden = self._forward_head(query, mask_features, size)
            cls_preds.append(cls_pred)
            mask_preds.append(mask_pred)
        return cls_preds, mask_preds

    def _masks_for_matching(self, mask_preds: Tensor, gt_masks: Tensor) -> tuple[Tensor, Tensor]:
        return points_for_matching(mask_preds, gt_masks, self.num_points)

    def _mask_losses(self, mask_preds: Tensor, gt_masks: Tensor, num_masks: Any) -> tuple[Tensor, Tensor]:
        pred, target = points_for_loss(
            mask_preds, gt_masks, self.num_points, self.oversample_ratio, self.importance_sample_ratio
        )
        loss_dice = self.loss_dice(pred, target, avg_factor=num_masks)
        loss_mask = self.loss_mask(pred.flatten(), target.flatten(), avg_factor=num_masks * self.num_points)
        return loss_mask, loss_dice
