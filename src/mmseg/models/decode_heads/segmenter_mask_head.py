"""Mask transformer of Segmenter."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import build_norm_layer
from mmengine.model import ModuleList
from mmengine.model.weight_init import constant_init, trunc_normal_, trunc_normal_init
from mmseg.models.backbones.vit import TransformerEncoderLayer
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import nchw_to_nlc, nlc_to_nchw
from mmseg.registry import MODELS


@MODELS.register_module()
class SegmenterMaskTransformerHead(BaseDecodeHead):
    """Learned tokens of classes attend to patches; logits are their products (Strudel et al., arXiv:2105.05633).

    Args:
        embed_dims: Channels of the transformer; `in_channels`: of the input.
        mlp_ratio: Width of feed-forward networks relative to `embed_dims`.
        drop_path_rate: Rate of the last layer; it grows linearly from 0.
        init_std: Of the tokens at first.
    """

    def __init__(
        self,
        in_channels: int,
        num_layers: int,
        num_heads: int,
        embed_dims: int,
        mlp_ratio: int = 4,
        drop_path_rate: float = 0.1,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        num_fcs: int = 2,
        qkv_bias: bool = True,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = {'type': 'LN'},
        init_std: float = 0.02,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels=in_channels, **kwargs)
        rates = torch.linspace(0, drop_path_rate, num_layers, device='cpu').tolist()
        self.layers = ModuleList(
            [
                TransformerEncoderLayer(
                    embed_dims=embed_dims,
                    num_heads=num_heads,
                    feedforward_channels=mlp_ratio * embed_dims,
                    attn_drop_rate=attn_drop_rate,
                    drop_rate=drop_rate,
                    drop_path_rate=rate,
                    num_fcs=num_fcs,
                    qkv_bias=qkv_bias,
                    act_cfg=act_cfg,
                    norm_cfg=norm_cfg,
                    batch_first=True,
                )
                for rate in rates
            ]
        )
        self.dec_proj = nn.Linear(in_channels, embed_dims)
        self.cls_emb = nn.Parameter(torch.randn(1, self.num_classes, embed_dims))
        self.patch_proj = nn.Linear(embed_dims, embed_dims, bias=False)
        self.classes_proj = nn.Linear(embed_dims, embed_dims, bias=False)
        self.decoder_norm = build_norm_layer(norm_cfg, embed_dims)[1]
        self.mask_norm = build_norm_layer(norm_cfg, self.num_classes)[1]
        self.init_std = init_std
        del self.conv_seg

    def init_weights(self) -> None:
        trunc_normal_(self.cls_emb, std=self.init_std)
        for proj in (self.patch_proj, self.classes_proj):
            trunc_normal_init(proj, std=self.init_std)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear) and name not in ('patch_proj', 'classes_proj'):
                trunc_normal_init(module, std=self.init_std, bias=0)
            elif isinstance(module, nn.LayerNorm):
                constant_init(module, val=1.0, bias=0.0)

    def forward(self, inputs: Any) -> Tensor:
        features = self._transform_inputs(inputs)
        height, width = features.shape[2:]
        patches = self.dec_proj(nchw_to_nlc(features))
        x = torch.cat([patches, self.cls_emb.expand(len(patches), -1, -1)], dim=1)
        for layer in self.layers:
            x = layer(x)
        x = self.decoder_norm(x)
        patches = self.patch_proj(x[:, : -self.num_classes])
        classes = self.classes_proj(x[:, -self.num_classes :])
        masks = F.normalize(patches, dim=2) @ F.normalize(classes, dim=2).transpose(1, 2)
        return nlc_to_nchw(self.mask_norm(masks), (height, width)).contiguous()
