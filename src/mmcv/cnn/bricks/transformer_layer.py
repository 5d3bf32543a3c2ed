"""Transformer layers whose order of operations a config gives, and stacks of them."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from mmcv.cnn.bricks.attention import build_attention, build_feedforward_network
from mmcv.cnn.bricks.norm import build_norm_layer
from mmengine.config import ConfigDict
from mmengine.model.base_module import BaseModule, ModuleList
from mmengine.registry import MODELS
from mmengine.utils import deprecated_api_warning
from mmengine.utils.errors import ConfigError

_OPERATIONS = ('self_attn', 'norm', 'ffn', 'cross_attn')


@MODELS.register_module()
class BaseTransformerLayer(BaseModule):
    """A layer made of `self_attn`, `cross_attn`, `ffn` and `norm` in any order.

    With `norm` first (`self.pre_norm`), each block adds to what entered its normalisation; otherwise to its input.

    Args:
        attn_cfgs: a config for every attention in `operation_order`, or one for all.
        ffn_cfgs: the same for the feed-forward networks; `embed_dims` is that of the attentions.
        operation_order: such as `('self_attn', 'norm', 'ffn', 'norm')`.
        batch_first: whether sequences are `(N, L, C)` instead of `(L, N, C)`.
    """

    @deprecated_api_warning(
        {
            'feedforward_channels': 'ffn_cfgs.feedforward_channels',
            'ffn_dropout': 'ffn_cfgs.ffn_drop',
            'ffn_num_fcs': 'ffn_cfgs.num_fcs',
        },
        cls_name='BaseTransformerLayer',
    )
    def __init__(
        self,
        attn_cfgs: Any = None,
        ffn_cfgs: Any = {
            'type': 'FFN',
            'embed_dims': 256,
            'feedforward_channels': 1024,
            'num_fcs': 2,
            'ffn_drop': 0.0,
            'act_cfg': {'type': 'ReLU', 'inplace': True},
        },
        operation_order: Sequence[str] | None = None,
        norm_cfg: dict[str, Any] = {'type': 'LN'},
        init_cfg: dict[str, Any] | None = None,
        batch_first: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg)
        if not operation_order or not set(operation_order) <= set(_OPERATIONS):
            raise ConfigError(
                f'operation_order should be made of {", ".join(_OPERATIONS)}, but got {operation_order!r}'
            )
        ffn_cfgs = copy.deepcopy(ffn_cfgs)
        for name, value in kwargs.items():
            if not name.startswith('ffn_cfgs.') or not isinstance(ffn_cfgs, dict):
                raise TypeError(f'{type(self).__name__} got an unexpected argument {name!r}')
            ffn_cfgs[name.removeprefix('ffn_cfgs.')] = value
        self.batch_first = batch_first
        self.operation_order = operation_order
        self.norm_cfg = norm_cfg
        self.pre_norm = operation_order[0] == 'norm'

        attentions = [name for name in operation_order if name.endswith('attn')]
        self.num_attn = len(attentions)
        self.attentions = ModuleList()
        for name, cfg in zip(attentions, _one_each(attn_cfgs, self.num_attn, 'attn_cfgs'), strict=True):
            if cfg.setdefault('batch_first', batch_first) != batch_first:
                raise ConfigError(
                    f'batch_first of an attention is {cfg["batch_first"]}, but of its layer {batch_first}'
                )
            attention = build_attention(cfg)
            attention.operation_name = name
            self.attentions.append(attention)
        self.embed_dims: int = self.attentions[0].embed_dims  # type: ignore[assignment]

        self.ffns = ModuleList()
        for cfg in _one_each(ffn_cfgs, operation_order.count('ffn'), 'ffn_cfgs'):
            if cfg.setdefault('embed_dims', self.embed_dims) != self.embed_dims:
                raise ConfigError(
                    f'embed_dims of a feed-forward network is {cfg["embed_dims"]}, of the attentions {self.embed_dims}'
                )
            self.ffns.append(build_feedforward_network(cfg, {'type': 'FFN'}))

        self.norms = ModuleList()
        for _ in range(operation_order.count('norm')):
            self.norms.append(build_norm_layer(norm_cfg, self.embed_dims)[1])

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor | None = None,
        value: torch.Tensor | None = None,
        query_pos: torch.Tensor | None = None,
        key_pos: torch.Tensor | None = None,
        attn_masks: torch.Tensor | Sequence[torch.Tensor | None] | None = None,
        query_key_padding_mask: torch.Tensor | None = None,
        key_padding_mask: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Map queries `(L, N, C)` to the same shape (`(N, L, C)` with `batch_first`).

        Args:
            key, value: of cross attention, with position encodings `key_pos`.
            attn_masks: one for every attention, or one for all.
            query_key_padding_mask: bool `(N, Lq)` for self attention, True for padding.
            key_padding_mask: the same `(N, Lk)` for cross attention.
            kwargs: handed on to the attentions.
        """
        if attn_masks is None or isinstance(attn_masks, torch.Tensor):
            attn_masks = [attn_masks] * self.num_attn
        elif len(attn_masks) != self.num_attn:
            raise ValueError(f'{len(attn_masks)} attn_masks were given for {self.num_attn} attentions')
        norms, ffns = iter(self.norms), iter(self.ffns)
        attentions = zip(self.attentions, attn_masks, strict=True)
        identity = query
        for operation in self.operation_order:
            before = identity if self.pre_norm else None
            if operation == 'norm':
                query = next(norms)(query)
            elif operation == 'ffn':
                query = next(ffns)(query, before)
            elif operation == 'self_attn':
                attention, mask = next(attentions)
                query = attention(
                    query,
                    query,
                    query,
                    before,
                    query_pos=query_pos,
                    key_pos=query_pos,
                    attn_mask=mask,
                    key_padding_mask=query_key_padding_mask,
                    **kwargs,
                )
                identity = query
            else:
                attention, mask = next(attentions)
                query = attention(
                    query,
                    key,
                    value,
                    before,
                    query_pos=query_pos,
                    key_pos=key_pos,
                    attn_mask=mask,
                    key_padding_mask=key_padding_mask,
                    **kwargs,
                )
                identity = query
        return query


@MODELS.register_module()
class TransformerLayerSequence(BaseModule):
    """A stack of transformer layers, `self.layers`.

    Args:
        transformerlayers: a config for every layer, or one for all.
    """

    def __init__(
        self,
        transformerlayers: Any = None,
        num_layers: int | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if num_layers is None:
            raise ConfigError('num_layers is missing')
        self.num_layers = num_layers
        self.layers = ModuleList()
        for cfg in _one_each(transformerlayers, num_layers, 'transformerlayers'):
            self.layers.append(build_transformer_layer(cfg))
        self.embed_dims = self.layers[0].embed_dims
        self.pre_norm = self.layers[0].pre_norm

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor | None,
        value: torch.Tensor | None,
        query_pos: torch.Tensor | None = None,
        key_pos: torch.Tensor | None = None,
        attn_masks: torch.Tensor | Sequence[torch.Tensor | None] | None = None,
        query_key_padding_mask: torch.Tensor | None = None,
        key_padding_mask: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """As `BaseTransformerLayer.forward`, layer after layer."""
        for layer in self.layers:
            query = layer(
                query,
                key,
                value,
                query_pos=query_pos,
                key_pos=key_pos,
                attn_masks=attn_masks,
                query_key_padding_mask=query_key_padding_mask,
                key_padding_mask=key_padding_mask,
                **kwargs,
            )
        return query


def build_transformer_layer(cfg: Mapping[str, Any], default_args: Mapping[str, Any] | None = None) -> Any:
    return MODELS.build(cfg, default_args=default_args)


def build_transformer_layer_sequence(cfg: Mapping[str, Any], default_args: Mapping[str, Any] | None = None) -> Any:
    return MODELS.build(cfg, default_args=default_args)


def _one_each(cfgs: Any, count: int, name: str) -> list[Any]:
    """`count` configs of one's own, from a list of them or one for all."""
    if isinstance(cfgs, Mapping):
        return [ConfigDict(copy.deepcopy(dict(cfgs))) for _ in range(count)]
    if not isinstance(cfgs, list | tuple) or len(cfgs) != count:
        raise ConfigError(f'{name} should be a dict or a list of {count}, but got {cfgs!r}')
    return [copy.deepcopy(cfg) for cfg in cfgs]
