"""Mix Vision Transformer, the backbone of SegFormer (Xie et al., SegFormer, section 3.1)."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmcv.cnn import Conv2d, build_activation_layer, build_norm_layer
from mmcv.cnn.bricks.drop import build_dropout
from mmcv.cnn.bricks.transformer import MultiheadAttention
from mmengine.model import BaseModule, ModuleList, Sequential
from mmengine.model.weight_init import constant_init, normal_init, trunc_normal_init
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.resnet import pretrained_init
from mmseg.models.utils import PatchEmbed, nchw_to_nlc, nlc_to_nchw
from mmseg.registry import MODELS


class MixFFN(BaseModule):
    """Feed-forward network with a depthwise 3x3 convolution, which stands in for a position encoding."""

    def __init__(
        self,
        embed_dims: int,
        feedforward_channels: int,
        act_cfg: dict = {'type': 'GELU'},
        ffn_drop: float = 0.0,
        dropout_layer: dict | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.embed_dims = embed_dims
        self.feedforward_channels = feedforward_channels
        self.act_cfg = act_cfg
        self.activate = build_activation_layer(act_cfg)
        drop = nn.Dropout(ffn_drop)
        self.layers = Sequential(
            Conv2d(embed_dims, feedforward_channels, kernel_size=1, bias=True),
            Conv2d(
                feedforward_channels,
                feedforward_channels,
                kernel_size=3,
                padding=1,
                bias=True,
                groups=feedforward_channels,
            ),
            self.activate,
            drop,
            Conv2d(feedforward_channels, embed_dims, kernel_size=1, bias=True),
            drop,
        )
        self.dropout_layer = build_dropout(dropout_layer) if dropout_layer else nn.Identity()

    def forward(self, x: Tensor, hw_shape: tuple[int, int], identity: Tensor | None = None) -> Tensor:
        """`x (N, H*W, C)`; the result is added to `identity`, or to `x`."""
        out = nchw_to_nlc(self.layers(nlc_to_nchw(x, hw_shape)))
        return (x if identity is None else identity) + self.dropout_layer(out)


class EfficientMultiheadAttention(MultiheadAttention):
    """Self-attention whose keys and values are taken from a map reduced by a strided convolution.

    Args:
        sr_ratio: Side of the patches that become one key.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        attn_drop: float = 0.0,
        proj_drop: float = 0.0,
        dropout_layer: dict | None = None,
        init_cfg: Any = None,
        batch_first: bool = True,
        qkv_bias: bool = False,
        norm_cfg: dict = {'type': 'LN'},
        sr_ratio: int = 1,
    ) -> None:
        super().__init__(
            embed_dims,
            num_heads,
            attn_drop,
            proj_drop,
            dropout_layer=dropout_layer,
            init_cfg=init_cfg,
            batch_first=batch_first,
            bias=qkv_bias,
        )
        self.sr_ratio = sr_ratio
        if sr_ratio > 1:
            self.sr = Conv2d(embed_dims, embed_dims, kernel_size=sr_ratio, stride=sr_ratio)
            self.norm = build_norm_layer(norm_cfg, embed_dims)[1]

    def forward(  # type: ignore[override]
        self, x: Tensor, hw_shape: tuple[int, int], identity: Tensor | None = None
    ) -> Tensor:
        """`x (N, H*W, C)`; the result is added to `identity`, or to `x`."""
        source = x
        if self.sr_ratio > 1:
            source = self.norm(nchw_to_nlc(self.sr(nlc_to_nchw(x, hw_shape))))
        out = self.proj_drop(self._attend(x, source))
        return (x if identity is None else identity) + self.dropout_layer(out)

    def _attend(self, queries: Tensor, source: Tensor) -> Tensor:
        """What `self.attn` computes, without its transpositions to length-first and its attention weights."""
        attn = self.attn
        channels = attn.embed_dim
        weights = attn.in_proj_weight.split((channels, 2 * channels))
        biases = (None, None) if attn.in_proj_bias is None else attn.in_proj_bias.split((channels, 2 * channels))

        def heads(x: Tensor) -> Tensor:
            return x.unflatten(-1, (attn.num_heads, -1)).transpose(1, 2)

        query = F.linear(queries, weights[0], biases[0])
        key, value = F.linear(source, weights[1], biases[1]).chunk(2, dim=-1)
        dropout = attn.dropout if self.training else 0.0
        out = F.scaled_dot_product_attention(heads(query), heads(key), heads(value), dropout_p=dropout)
        return attn.out_proj(out.transpose(1, 2).flatten(2))


class TransformerEncoderLayer(BaseModule):
    """Attention and feed-forward network, each after a norm.

    Args:
        drop_rate: After the projections; `attn_drop_rate`: of attention weights; `drop_path_rate`: of branches.
        with_cp: Recompute in the backward pass to save memory.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        feedforward_channels: int,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        qkv_bias: bool = True,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = {'type': 'LN'},
        batch_first: bool = True,
        sr_ratio: int = 1,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        drop_path = {'type': 'DropPath', 'drop_prob': drop_path_rate}
        self.norm1 = build_norm_layer(norm_cfg, embed_dims)[1]
        self.attn = EfficientMultiheadAttention(
            embed_dims,
            num_heads,
            attn_drop=attn_drop_rate,
            proj_drop=drop_rate,
            dropout_layer=drop_path,
            batch_first=batch_first,
            qkv_bias=qkv_bias,
            norm_cfg=norm_cfg,
            sr_ratio=sr_ratio,
        )
        self.norm2 = build_norm_layer(norm_cfg, embed_dims)[1]
        self.ffn = MixFFN(
            embed_dims, feedforward_channels, act_cfg=act_cfg, ffn_drop=drop_rate, dropout_layer=drop_path
        )
        self.with_cp = with_cp

    def _layer(self, x: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        x = self.attn(self.norm1(x), hw_shape, identity=x)
        return self.ffn(self.norm2(x), hw_shape, identity=x)

    def forward(self, x: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        """`x (N, H*W, C)`."""
        if self.with_cp and x.requires_grad:
            return checkpoint(self._layer, x, hw_shape, use_reentrant=False)
        return self._layer(x, hw_shape)


@MODELS.register_module()
class MixVisionTransformer(BaseModule):
    """Hierarchical transformer with overlapping patches.

    Args:
        embed_dims: Channels of one head; stage i has `embed_dims * num_heads[i]` channels.
        num_layers: Layers of each stage.
        patch_sizes, strides: Of the patch embedding of each stage.
        sr_ratios: Reduction of keys and values in each stage.
        drop_path_rate: Rate of the last layer; it grows linearly from 0.
        pretrained: A checkpoint; `init_cfg=dict(type='Pretrained', checkpoint=...)` says the same.
    """

    def __init__(
        self,
        in_channels: int = 3,
        embed_dims: int = 64,
        num_stages: int = 4,
        num_layers: Sequence[int] = [3, 4, 6, 3],
        num_heads: Sequence[int] = [1, 2, 4, 8],
        patch_sizes: Sequence[int] = [7, 3, 3, 3],
        strides: Sequence[int] = [4, 2, 2, 2],
        sr_ratios: Sequence[int] = [8, 4, 2, 1],
        out_indices: Sequence[int] = (0, 1, 2, 3),
        mlp_ratio: int = 4,
        qkv_bias: bool = True,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = {'type': 'LN', 'eps': 1e-6},
        pretrained: str | None = None,
        init_cfg: Any = None,
        with_cp: bool = False,
    ) -> None:
        super().__init__(init_cfg=pretrained_init(pretrained, init_cfg))
        stages = {
            'num_layers': num_layers,
            'num_heads': num_heads,
            'patch_sizes': patch_sizes,
            'strides': strides,
            'sr_ratios': sr_ratios,
        }
        for name, values in stages.items():
            if len(values) != num_stages:
                raise ConfigError(f'{name} should have one entry for each of the {num_stages} stages, but is {values}.')
        if max(out_indices) >= num_stages:
            raise ConfigError(f'out_indices {tuple(out_indices)} exceed the {num_stages} stages.')
        self.embed_dims = embed_dims
        self.num_stages = num_stages
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.patch_sizes = patch_sizes
        self.strides = strides
        self.sr_ratios = sr_ratios
        self.out_indices = out_indices
        self.with_cp = with_cp

        rates = iter(torch.linspace(0, drop_path_rate, sum(num_layers), device='cpu').tolist())
        self.layers = ModuleList()
        for stage in range(num_stages):
            channels = embed_dims * num_heads[stage]
            patch_embed = PatchEmbed(
                in_channels=in_channels,
                embed_dims=channels,
                kernel_size=patch_sizes[stage],
                stride=strides[stage],
                padding=patch_sizes[stage] // 2,
                norm_cfg=norm_cfg,
            )
            blocks = ModuleList(
                [
                    TransformerEncoderLayer(
                        embed_dims=channels,
                        num_heads=num_heads[stage],
                        feedforward_channels=mlp_ratio * channels,
                        drop_rate=drop_rate,
                        attn_drop_rate=attn_drop_rate,
                        drop_path_rate=next(rates),
                        qkv_bias=qkv_bias,
                        act_cfg=act_cfg,
                        norm_cfg=norm_cfg,
                        with_cp=with_cp,
                        sr_ratio=sr_ratios[stage],
                    )
                    for _ in range(num_layers[stage])
                ]
            )
            self.layers.append(ModuleList([patch_embed, blocks, build_norm_layer(norm_cfg, channels)[1]]))
            in_channels = channels

    def init_weights(self) -> None:
        if self.init_cfg is not None:
            super().init_weights()
            return
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_init(module, std=0.02, bias=0.0)
            elif isinstance(module, nn.LayerNorm):
                constant_init(module, val=1.0, bias=0.0)
            elif isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                normal_init(module, mean=0, std=math.sqrt(2.0 / fan_out), bias=0)

    def forward(self, x: Tensor) -> list[Tensor]:
        """`(N, in_channels, H, W)` to the outputs of the stages in `out_indices`, at strides 4, 8, 16, 32."""
        outs = []
        stages: Any = self.layers
        for index, (patch_embed, blocks, norm) in enumerate(stages):
            tokens, hw_shape = patch_embed(x)
            for block in blocks:
                tokens = block(tokens, hw_shape)
            # Contiguous, or the head's maps would be channels-last, which costs its losses a copy of the logits.
            x = nlc_to_nchw(norm(tokens), hw_shape).contiguous()
            if index in self.out_indices:
                outs.append(x)
        return outs
