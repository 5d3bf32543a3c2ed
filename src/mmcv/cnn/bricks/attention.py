"""Attention and feed-forward layers with the identity connection that surrounds them."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from mmcv.cnn.bricks.activation import build_activation_layer
from mmcv.cnn.bricks.drop import build_dropout
from mmcv.cnn.bricks.scale import LayerScale
from mmengine.model.base_module import BaseModule, Sequential
from mmengine.registry import MODELS
from mmengine.utils import deprecated_api_warning


@MODELS.register_module()
class MultiheadAttention(BaseModule):
    """`identity + dropout(attention(query + query_pos, key + key_pos, value))`, around `nn.MultiheadAttention`.

    Args:
        attn_drop: dropout of the attention weights.
        proj_drop: dropout of the attention's output.
        dropout_layer: a second one behind it, such as `DropPath`.
        batch_first: whether inputs and output are `(N, L, embed_dims)` instead of `(L, N, embed_dims)`.
        kwargs: further arguments of `nn.MultiheadAttention`.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        attn_drop: float = 0.0,
        proj_drop: float = 0.0,
        dropout_layer: dict[str, Any] | None = {'type': 'Dropout', 'drop_prob': 0.0},
        init_cfg: dict[str, Any] | None = None,
        batch_first: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg)
        if 'dropout' in kwargs:
            warnings.warn(
                "'dropout' of MultiheadAttention is now named 'attn_drop', and 'drop_prob' of 'dropout_layer'",
                DeprecationWarning,
                stacklevel=2,
            )
            attn_drop = kwargs.pop('dropout')
            dropout_layer = {**(dropout_layer or {'type': 'Dropout'}), 'drop_prob': attn_drop}
        self.embed_dims = embed_dims
        self.num_heads = num_heads
        self.batch_first = batch_first
        self.attn = nn.MultiheadAttention(embed_dims, num_heads, attn_drop, **kwargs)
        self.proj_drop = nn.Dropout(proj_drop)
        self.dropout_layer = build_dropout(dropout_layer) if dropout_layer else nn.Identity()

    @deprecated_api_warning({'residual': 'identity'}, cls_name='MultiheadAttention')
    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor | None = None,
        value: torch.Tensor | None = None,
        identity: torch.Tensor | None = None,
        query_pos: torch.Tensor | None = None,
        key_pos: torch.Tensor | None = None,
        attn_mask: torch.Tensor | None = None,
        key_padding_mask: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Attend from `query` to `key` and `value`.

        Args:
            query: `(Lq, N, C)`, or `(N, Lq, C)` with `batch_first`, as the others.
            key, value: `None` is `query` and `key`.
            identity: what the result is added to; `None` is `query`.
            query_pos, key_pos: position encodings. A missing `key_pos` is `query_pos` where the shapes agree.
            attn_mask: `(Lq, Lk)` or `(N * num_heads, Lq, Lk)`, as in `nn.MultiheadAttention`.
            key_padding_mask: bool `(N, Lk)`, True for keys that nothing attends to.
            kwargs: taken and not used, so that layers can hand on what other attentions need.
        """
        key = query if key is None else key
        value = key if value is None else value
        identity = query if identity is None else identity
        if key_pos is None and query_pos is not None:
            if query_pos.shape == key.shape:
                key_pos = query_pos
            else:
                warnings.warn(
                    f'key_pos of {type(self).__name__} is missing, and query_pos does not fit the keys', stacklevel=2
                )
        if query_pos is not None:
            query = query + query_pos
        if key_pos is not None:
            key = key + key_pos
        if self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        has_additive = attn_mask is not None and attn_mask.is_floating_point()
        if has_additive and key_padding_mask is not None and key_padding_mask.dtype == torch.bool:
            # PyTorch wants both masks of one type.
            additive = torch.zeros_like(key_padding_mask, dtype=attn_mask.dtype)  # type: ignore[union-attr]
            key_padding_mask = additive.masked_fill(key_padding_mask, float('-inf'))
        # Without the weights, which nobody sees, PyTorch uses its fused kernels.
        out = self.attn(query, key, value, attn_mask=attn_mask, key_padding_mask=key_padding_mask, need_weights=False)[
            0
        ]
        if self.batch_first:
            out = out.transpose(0, 1)
        return identity + self.dropout_layer(self.proj_drop(out))


@MODELS.register_module()
class FFN(BaseModule):
    """`identity + dropout(layers(x))`: linear layers with activation and dropout between them.

    Args:
        num_fcs: number of linear layers, at least 2.
        ffn_drop: dropout after each linear layer.
        dropout_layer: dropout of the sum's second part, such as `DropPath`.
        add_identity: whether the input is added.
        layer_scale_init_value: a `LayerScale` that starts with this value, when positive.
    """

    @deprecated_api_warning({'dropout': 'ffn_drop', 'add_residual': 'add_identity'}, cls_name='FFN')
    def __init__(
        self,
        embed_dims: int = 256,
        feedforward_channels: int = 1024,
        num_fcs: int = 2,
        act_cfg: dict[str, Any] = {'type': 'ReLU', 'inplace': True},
        ffn_drop: float = 0.0,
        dropout_layer: dict[str, Any] | None = None,
        add_identity: bool = True,
        init_cfg: dict[str, Any] | None = None,
        layer_scale_init_value: float = 0.0,
    ) -> None:
        super().__init__(init_cfg)
        if num_fcs < 2:
            raise ValueError(f'num_fcs should be at least 2, but got {num_fcs}')
        self.embed_dims = embed_dims
        self.feedforward_channels = feedforward_channels
        self.num_fcs = num_fcs
        widths = [embed_dims] + [feedforward_channels] * (num_fcs - 1)
        layers: list[nn.Module] = [
            Sequential(nn.Linear(i, o), build_activation_layer(act_cfg), nn.Dropout(ffn_drop))
            for i, o in zip(widths[:-1], widths[1:], strict=True)
        ]
        layers += [nn.Linear(feedforward_channels, embed_dims), nn.Dropout(ffn_drop)]
        self.layers = Sequential(*layers)
        self.dropout_layer = build_dropout(dropout_layer) if dropout_layer else nn.Identity()
        self.add_identity = add_identity
        self.gamma2: nn.Module = nn.Identity()
        if layer_scale_init_value > 0:
            self.gamma2 = LayerScale(embed_dims, scale=layer_scale_init_value)

    @deprecated_api_warning({'residual': 'identity'}, cls_name='FFN')
    def forward(self, x: torch.Tensor, identity: torch.Tensor | None = None) -> torch.Tensor:
        """`(..., embed_dims)` to the same shape; `identity` is `x` when not given."""
        out = self.dropout_layer(self.gamma2(self.layers(x)))
        if not self.add_identity:
            return out
        return (x if identity is None else identity) + out


def build_positional_encoding(cfg: Mapping[str, Any], default_args: Mapping[str, Any] | None = None) -> Any:
    return MODELS.build(cfg, default_args=default_args)


def build_attention(cfg: Mapping[str, Any], default_args: Mapping[str, Any] | None = None) -> Any:
    return MODELS.build(cfg, default_args=default_args)


def build_feedforward_network(cfg: Mapping[str, Any], default_args: Mapping[str, Any] | None = None) -> Any:
    return MODELS.build(cfg, default_args=default_args)
