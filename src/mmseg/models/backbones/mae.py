"""The encoder of masked autoencoders (He et al., arXiv:2111.06377) as a backbone."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmengine.model.weight_init import trunc_normal_
from mmseg.models.backbones.beit import BEiT, BEiTAttention, BEiTTransformerEncoderLayer
from mmseg.models.backbones.pretrained_layouts import State, adapt_pos_embed
from mmseg.registry import MODELS


class MAEAttention(BEiTAttention):
    """As that of BEiT, but the biases of offsets begin at zero: they are learned in fine-tuning only."""

    def init_bias_table(self) -> None:
        nn.init.zeros_(self.relative_position_bias_table)


class MAETransformerEncoderLayer(BEiTTransformerEncoderLayer):
    """As that of BEiT, with `MAEAttention`."""

    attention_type = MAEAttention


@MODELS.register_module()
class MAE(BEiT):
    """Vision transformer with position embedding and relative positions.

    Checkpoints of the paper's code load as they are, and those for other image sizes too. Arguments are those of
    `BEiT`.
    """

    layer_type = MAETransformerEncoderLayer

    def __init__(
        self,
        img_size: int | Sequence[int] = 224,
        patch_size: int = 16,
        in_channels: int = 3,
        embed_dims: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        mlp_ratio: int = 4,
        out_indices: int | Sequence[int] = -1,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        norm_cfg: dict = {'type': 'LN'},
        act_cfg: dict = {'type': 'GELU'},
        patch_norm: bool = False,
        final_norm: bool = False,
        num_fcs: int = 2,
        norm_eval: bool = False,
        pretrained: str | None = None,
        init_values: float | None = 0.1,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(
            img_size=img_size,
            patch_size=patch_size,
            in_channels=in_channels,
            embed_dims=embed_dims,
            num_layers=num_layers,
            num_heads=num_heads,
            mlp_ratio=mlp_ratio,
            out_indices=out_indices,
            attn_drop_rate=attn_drop_rate,
            drop_path_rate=drop_path_rate,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
            patch_norm=patch_norm,
            final_norm=final_norm,
            num_fcs=num_fcs,
            norm_eval=norm_eval,
            pretrained=pretrained,
            init_values=init_values,
            init_cfg=init_cfg,
        )
        num_patches = self.patch_shape[0] * self.patch_shape[1]
        self.pos_embed = nn.Parameter(torch.zeros(1, num_patches + 1, embed_dims))

    def _attention_bias(self, qv_bias: bool) -> str | bool:
        return True

    def init_weights(self) -> None:
        super().init_weights()
        if self.init_cfg is None:
            trunc_normal_(self.pos_embed, std=0.02)
            self.fix_init_weight()

    def fix_init_weight(self) -> None:
        """Divide the output projections of layer i by `sqrt(2 i)`, so that the sum of branches keeps its scale."""
        layers: Any = self.layers
        with torch.no_grad():
            for number, layer in enumerate(layers, start=1):
                layer.attn.proj.weight.div_(math.sqrt(2.0 * number))
                layer.ffn.layers[1].weight.div_(math.sqrt(2.0 * number))

    def adapt_state_dict(self, state: State) -> State:
        state = super().adapt_state_dict(state)
        adapt_pos_embed(state, 1, self.patch_shape, 'bicubic')
        return state

    def _embed(self, inputs: Tensor) -> Tensor:
        return super()._embed(inputs) + self.pos_embed
