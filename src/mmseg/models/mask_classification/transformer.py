"""Transformers of DETR, Mask2Former and Deformable DETR: attention with separate position encodings, norms behind."""

from typing import Any

import torch
from torch import Tensor

from mmcv.cnn import build_norm_layer
from mmcv.cnn.bricks.transformer import FFN, MultiheadAttention, MultiScaleDeformableAttention
from mmengine.model import BaseModule, ModuleList

_ATTENTION = {'embed_dims': 256, 'num_heads': 8, 'dropout': 0.0}
_DECODER_FFN = {
    'embed_dims': 256,
    'feedforward_channels': 1024,
    'num_fcs': 2,
    'ffn_drop': 0.0,
    'act_cfg': {'type': 'ReLU', 'inplace': True},
}


class DetrTransformerDecoderLayer(BaseModule):
    """Self attention, cross attention, feed-forward network, each with a norm behind it."""

    def __init__(
        self,
        self_attn_cfg: dict = _ATTENTION,
        cross_attn_cfg: dict = _ATTENTION,
        ffn_cfg: dict = _DECODER_FFN,
        norm_cfg: dict = {'type': 'LN'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.self_attn = MultiheadAttention(**{'batch_first': True, **self_attn_cfg})
        self.cross_attn = MultiheadAttention(**{'batch_first': True, **cross_attn_cfg})
        self.embed_dims = self.self_attn.embed_dims
        self.ffn = FFN(**ffn_cfg)
        self.norms: Any = ModuleList([build_norm_layer(norm_cfg, self.embed_dims)[1] for _ in range(3)])

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        query_pos: Tensor,
        key_pos: Tensor,
        self_attn_mask: Tensor | None = None,
        cross_attn_mask: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Queries `(N, Q, C)` that look at `key` and `value (N, L, C)`.

        Args:
            self_attn_mask, cross_attn_mask: bool, true where a query may not look.
            key_padding_mask: bool `(N, L)`, true for padding.
        """
        query = self.norms[0](self._self(query, query_pos, self_attn_mask))
        query = self.norms[1](self._cross(query, key, value, query_pos, key_pos, cross_attn_mask, key_padding_mask))
        return self.norms[2](self.ffn(query))

    def _self(self, query: Tensor, query_pos: Tensor, mask: Tensor | None) -> Tensor:
        return self.self_attn(query, query, query, query_pos=query_pos, key_pos=query_pos, attn_mask=mask)

    def _cross(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        query_pos: Tensor,
        key_pos: Tensor,
        mask: Tensor | None,
        padding: Tensor | None,
    ) -> Tensor:
        return self.cross_attn(
            query, key, value, query_pos=query_pos, key_pos=key_pos, attn_mask=mask, key_padding_mask=padding
        )


class Mask2FormerTransformerDecoderLayer(DetrTransformerDecoderLayer):
    """The same with cross attention first (Cheng et al., Mask2Former, section 3.2)."""

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        query_pos: Tensor,
        key_pos: Tensor,
        self_attn_mask: Tensor | None = None,
        cross_attn_mask: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        query = self.norms[0](self._cross(query, key, value, query_pos, key_pos, cross_attn_mask, key_padding_mask))
        query = self.norms[1](self._self(query, query_pos, self_attn_mask))
        return self.norms[2](self.ffn(query))


class DetrTransformerDecoder(BaseModule):
    """A stack of layers with one norm for their outputs, `post_norm`.

    Args:
        layer_cfg: arguments of each layer, or a list of them.
        return_intermediate: put out the queries after every layer.
    """

    layer_type: type[DetrTransformerDecoderLayer] = DetrTransformerDecoderLayer

    def __init__(
        self,
        num_layers: int,
        layer_cfg: Any,
        post_norm_cfg: dict = {'type': 'LN'},
        return_intermediate: bool = True,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        cfgs = [layer_cfg] * num_layers if isinstance(layer_cfg, dict) else layer_cfg
        self.num_layers = num_layers
        self.layer_cfg = cfgs
        self.return_intermediate = return_intermediate
        layers = [self.layer_type(**cfg) for cfg in cfgs]
        self.layers: Any = ModuleList(layers)
        self.embed_dims = layers[0].embed_dims
        self.post_norm = build_norm_layer(post_norm_cfg, self.embed_dims)[1]

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        query_pos: Tensor,
        key_pos: Tensor,
        key_padding_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Queries `(N, Q, C)` to `(layers, N, Q, C)`, or `(1, N, Q, C)` without `return_intermediate`."""
        outputs = []
        for layer in self.layers:
            query = layer(query, key, value, query_pos, key_pos, key_padding_mask=key_padding_mask, **kwargs)
            if self.return_intermediate:
                outputs.append(self.post_norm(query))
        return torch.stack(outputs) if outputs else self.post_norm(query)[None]


class Mask2FormerTransformerDecoder(DetrTransformerDecoder):
    """Layers of Mask2Former. The head calls them one by one, since each is given a mask of its own."""

    layer_type = Mask2FormerTransformerDecoderLayer


class DeformableDetrTransformerEncoderLayer(BaseModule):
    """Deformable self attention and feed-forward network, each with a norm behind it."""

    def __init__(
        self,
        self_attn_cfg: dict = {'embed_dims': 256, 'num_levels': 4},
        ffn_cfg: dict = {'embed_dims': 256, 'feedforward_channels': 1024},
        norm_cfg: dict = {'type': 'LN'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.self_attn = MultiScaleDeformableAttention(**{'batch_first': True, **self_attn_cfg})
        self.embed_dims = self.self_attn.embed_dims
        self.ffn = FFN(**ffn_cfg)
        self.norms: Any = ModuleList([build_norm_layer(norm_cfg, self.embed_dims)[1] for _ in range(2)])

    def forward(self, query: Tensor, query_pos: Tensor, **kwargs: Any) -> Tensor:
        """`query (N, L, C)`; the further arguments are those of `MultiScaleDeformableAttention`."""
        query = self.norms[0](self.self_attn(query, value=query, query_pos=query_pos, **kwargs))
        return self.norms[1](self.ffn(query))


class DeformableDetrTransformerEncoder(BaseModule):
    """A stack of such layers.

    Args:
        layer_cfg: arguments of each layer, or a list of them.
    """

    def __init__(self, num_layers: int, layer_cfg: Any, init_cfg: Any = None) -> None:
        super().__init__(init_cfg)
        cfgs = [layer_cfg] * num_layers if isinstance(layer_cfg, dict) else layer_cfg
        self.num_layers = num_layers
        self.layer_cfg = cfgs
        self.layers: Any = ModuleList([DeformableDetrTransformerEncoderLayer(**cfg) for cfg in cfgs])
        self.embed_dims: Any = self.layers[0].embed_dims

    def forward(self, query: Tensor, query_pos: Tensor, **kwargs: Any) -> Tensor:
        for layer in self.layers:
            query = layer(query, query_pos, **kwargs)
        return query
