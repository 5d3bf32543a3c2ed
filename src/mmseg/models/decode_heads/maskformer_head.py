"""MaskFormer head."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmengine.model.weight_init import caffe2_xavier_init
from mmseg.models.mask_classification import DetrTransformerDecoder, MaskClassificationHead, input_size
from mmseg.registry import MODELS
from mmseg.utils.typing_utils import SampleList


@MODELS.register_module()
class MaskFormerHead(MaskClassificationHead):
    """Masks from queries that look at the last feature (Cheng et al., Per-Pixel Classification is Not All You Need).

    The arguments are those of `MaskClassificationHead`.
    """

    decoder_type = DetrTransformerDecoder

    def __init__(self, num_classes: int, align_corners: bool = False, ignore_index: int = 255, **kwargs: Any) -> None:
        super().__init__(num_classes, align_corners=align_corners, ignore_index=ignore_index, **kwargs)

    def _build_inputs(self, in_channels: Sequence[int], feat_channels: int, enforce_project: bool) -> None:
        dims = self.decoder_embed_dims
        # A pixel decoder with an encoder of its own puts out what queries can look at.
        encoded = hasattr(self.pixel_decoder, 'encoder')
        self.decoder_input_proj: nn.Module = nn.Identity()
        if enforce_project or (not encoded and dims != in_channels[-1]):
            width = feat_channels if encoded else in_channels[-1]
            self.decoder_input_proj = nn.Conv2d(width, dims, kernel_size=1)
        self.query_embed = nn.Embedding(self.num_queries, dims)

    def init_weights(self) -> None:
        super().init_weights()
        if isinstance(self.decoder_input_proj, nn.Conv2d):
            caffe2_xavier_init(self.decoder_input_proj, bias=0)
        for parameter in self.transformer_decoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, x: Any, batch_data_samples: SampleList | None = None) -> tuple[Tensor, Tensor]:
        """Features to logits of classes `(layers, N, Q, C + 1)` and masks `(layers, N, Q, h, w)`.

        Args:
            batch_data_samples: their metainfo says which part of each image is padding, at which no query looks.
        """
        x = self._inputs(x)
        metas = [sample.metainfo for sample in batch_data_samples or []]
        mask_features, memory = self.pixel_decoder(x, metas)
        memory = self.decoder_input_proj(memory)
        padding = _padding(metas, memory)
        positions = self.decoder_positional_encoding(padding).to(memory.dtype)
        queries = self.query_embed.weight[None].expand(len(memory), -1, -1)
        tokens = memory.flatten(2).transpose(1, 2)
        out = self.transformer_decoder(
            torch.zeros_like(queries),
            tokens,
            tokens,
            query_pos=queries,
            key_pos=positions.flatten(2).transpose(1, 2),
            key_padding_mask=padding.flatten(1) if metas else None,
        )
        masks = torch.einsum('lbqc,bchw->lbqhw', self.mask_embed(out), mask_features)
        return self.cls_embed(out), masks

    def _masks_for_matching(self, mask_preds: Tensor, gt_masks: Tensor) -> tuple[Tensor, Tensor]:
        small = F.interpolate(gt_masks[:, None].float(), mask_preds.shape[-2:], mode='nearest')[:, 0]
        return mask_preds, small

    def _mask_losses(self, mask_preds: Tensor, gt_masks: Tensor, num_masks: Any) -> tuple[Tensor, Tensor]:
        height, width = gt_masks.shape[-2:]
        mask_preds = F.interpolate(mask_preds[None], (height, width), mode='bilinear', align_corners=False)[0]
        loss_dice = self.loss_dice(mask_preds, gt_masks, avg_factor=num_masks)
        # One class, label 0; label 1 is the background.
        loss_mask = self.loss_mask(
            mask_preds.reshape(-1, 1), 1 - gt_masks.reshape(-1).long(), avg_factor=num_masks * height * width
        )
        return loss_mask, loss_dice


def _padding(metas: list[dict], memory: Tensor) -> Tensor:
    """Which pixels of `memory (N, C, h, w)` are padding, bool `(N, h, w)`."""
    height, width = memory.shape[-2:]
    mask = torch.zeros((len(memory), height, width), dtype=torch.bool)
    for row, meta in zip(mask, metas, strict=False):
        (padded_height, padded_width), (img_height, img_width) = input_size(meta), meta['img_shape'][:2]
        # A pixel belongs to the image if its upper left corner does.
        row[-(-img_height * height // padded_height) :] = True
        row[:, -(-img_width * width // padded_width) :] = True
    return mask.to(memory.device, non_blocking=True)
