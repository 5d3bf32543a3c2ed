"""BEiT (Bao et al., arXiv:2106.08254) as a backbone."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import build_norm_layer
from mmcv.cnn.bricks.drop import build_dropout
from mmengine.model import BaseModule, ModuleList
from mmengine.model.weight_init import trunc_normal_
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.pretrained_layouts import State, from_vit, own_indices, resize_entries
from mmseg.models.backbones.relative_position import relative_position_index_with_cls, resize_bias_table_with_cls
from mmseg.models.backbones.resnet import pretrained_init
from mmseg.models.backbones.vit import PlainTransformer, TransformerEncoderLayer
from mmseg.models.utils import nlc_to_nchw
from mmseg.models.utils.embed import PatchEmbed
from mmseg.registry import MODELS


class BEiTAttention(BaseModule):
    """Self-attention with a learned bias for each offset between two patches.

    Args:
        window_size: Number of patches of the image, `(Wh, Ww)`; there is no bias for other sizes.
        bias: `'qv_bias'`: queries and values have one; True: keys too; False: none.
        qk_scale: Instead of `1 / sqrt(channels of a head)`.
    """

    relative_position_index: Tensor

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        window_size: Sequence[int],
        bias: str | bool = 'qv_bias',
        qk_scale: float | None = None,
        attn_drop_rate: float = 0.0,
        proj_drop_rate: float = 0.0,
        init_cfg: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.embed_dims = embed_dims
        self.num_heads = num_heads
        self.scale = qk_scale or (embed_dims // num_heads) ** -0.5
        self.bias = bias
        if bias == 'qv_bias':
            self.q_bias = nn.Parameter(torch.zeros(embed_dims))
            self.v_bias = nn.Parameter(torch.zeros(embed_dims))
        self.window_size = window_size
        height, width = window_size
        num_offsets = (2 * height - 1) * (2 * width - 1)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(num_offsets + 3, num_heads))
        self.register_buffer('relative_position_index', relative_position_index_with_cls(height, width))
        self.qkv = nn.Linear(embed_dims, embed_dims * 3, bias=bias is True)
        self.attn_drop = nn.Dropout(attn_drop_rate)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.proj_drop = nn.Dropout(proj_drop_rate)

    def init_weights(self) -> None:
        super().init_weights()
        self.init_bias_table()

    def init_bias_table(self) -> None:
        trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """`x (N, 1 + Wh*Ww, C)`."""
        qkv_bias: Tensor | None = self.qkv.bias
        if self.bias == 'qv_bias':
            qkv_bias = torch.cat([self.q_bias, torch.zeros_like(self.v_bias), self.v_bias])
        qkv = F.linear(x, self.qkv.weight, qkv_bias).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        dropout = self.attn_drop.p if self.training else 0.0
        out = F.scaled_dot_product_attention(
            query, key, value, attn_mask=bias[None].to(query.dtype), dropout_p=dropout, scale=self.scale
        )
        return self.proj_drop(self.proj(out.transpose(1, 2).flatten(2)))


class BEiTTransformerEncoderLayer(TransformerEncoderLayer):
    """Attention and feed-forward network, each after a norm and with a learned scale of its channels.

    Args:
        window_size: Number of patches of the image, `(Wh, Ww)`.
        init_values: The scales at first; None: no scales.
    """

    attention_type = BEiTAttention

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        feedforward_channels: int,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        num_fcs: int = 2,
        bias: str | bool = 'qv_bias',
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = {'type': 'LN'},
        window_size: Sequence[int] | None = None,
        attn_cfg: dict = {},
        ffn_cfg: dict = {'add_identity': False},
        init_values: float | None = None,
    ) -> None:
        super().__init__(
            embed_dims=embed_dims,
            num_heads=num_heads,
            feedforward_channels=feedforward_channels,
            attn_drop_rate=attn_drop_rate,
            num_fcs=num_fcs,
            qkv_bias=bias,
            act_cfg=act_cfg,
            norm_cfg=norm_cfg,
            attn_cfg={**attn_cfg, 'window_size': window_size},
            ffn_cfg=ffn_cfg,
        )
        self.drop_path = build_dropout({'type': 'DropPath', 'drop_prob': drop_path_rate})
        for name in ('gamma_1', 'gamma_2'):
            gamma = None if init_values is None else nn.Parameter(torch.full((embed_dims,), float(init_values)))
            self.register_parameter(name, gamma)

    def build_attn(self, attn_cfg: dict) -> None:
        drops = {'attn_drop_rate': attn_cfg.pop('attn_drop'), 'proj_drop_rate': attn_cfg.pop('proj_drop')}
        self.attn = self.attention_type(**attn_cfg, **drops)

    def forward(self, x: Tensor) -> Tensor:
        """`x (N, 1 + Wh*Ww, C)`."""
        x = x + self.drop_path(_scaled(self.attn(self.ln1(x)), self.gamma_1))
        return x + self.drop_path(_scaled(self.ffn(self.ln2(x)), self.gamma_2))


def _scaled(x: Tensor, gamma: Any) -> Tensor:
    return x if gamma is None else gamma * x


@MODELS.register_module()
class BEiT(PlainTransformer):
    """Vision transformer with relative positions in every layer.

    Checkpoints of the paper's code load as they are, and those for other image sizes too.

    Args:
        img_size: Size of the images; the model takes no other (see `test_cfg=dict(mode='slide', ...)`).
        out_indices: Layers whose output is returned; -1: the last.
        qv_bias: Have biases for queries and values.
        patch_norm: Normalise embedded patches.
        final_norm: Normalise the output of the last layer.
        norm_eval: Norms are in eval mode while training.
        pretrained: A checkpoint; `init_cfg=dict(type='Pretrained', checkpoint=...)` says the same.
        init_values: The scales of the layers' branches at first.
    """

    layer_type = BEiTTransformerEncoderLayer

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
        qv_bias: bool = True,
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
            img_size,
            patch_size,
            num_layers,
            out_indices,
            final_norm,
            norm_eval,
            init_cfg=pretrained_init(pretrained, init_cfg),
        )
        self.patch_embed = PatchEmbed(
            in_channels=in_channels,
            embed_dims=embed_dims,
            conv_type='Conv2d',
            kernel_size=patch_size,
            stride=patch_size,
            padding=0,
            norm_cfg=norm_cfg if patch_norm else None,
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dims))
        rates = torch.linspace(0, drop_path_rate, num_layers, device='cpu').tolist()
        self.layers = ModuleList(
            [
                self.layer_type(
                    embed_dims=embed_dims,
                    num_heads=num_heads,
                    feedforward_channels=mlp_ratio * embed_dims,
                    attn_drop_rate=attn_drop_rate,
                    drop_path_rate=rate,
                    num_fcs=num_fcs,
                    bias=self._attention_bias(qv_bias),
                    act_cfg=act_cfg,
                    norm_cfg=norm_cfg,
                    window_size=self.patch_shape,
                    init_values=init_values,
                )
                for rate in rates
            ]
        )
        if final_norm:
            self.ln1 = build_norm_layer(norm_cfg, embed_dims)[1]

    def _attention_bias(self, qv_bias: bool) -> str | bool:
        return 'qv_bias' if qv_bias else False

    def init_weights(self) -> None:
        if self.init_cfg is not None:
            super().init_weights()
            return
        trunc_normal_(self.cls_token, std=0.02)
        for module in self.modules():
            if isinstance(module, BEiTAttention):
                module.init_bias_table()
        self._init_layers()

    def adapt_state_dict(self, state: State) -> State:
        state, own = from_vit(state, self, fused_attention=False), self.state_dict()
        shared = state.pop('rel_pos_bias.relative_position_bias_table', None)
        state.pop('rel_pos_bias.relative_position_index', None)
        if shared is not None:
            # While it was pretrained, all layers had one table.
            state.update({f'layers.{i}.attn.relative_position_bias_table': shared for i in range(len(self.layers))})
        own_indices(state, own)

        def to_window(table: Tensor, mine: Tensor) -> Tensor:
            if table.shape[1] != mine.shape[1]:
                return table  # of another model, which is reported
            return resize_bias_table_with_cls(table, self.patch_shape)

        resize_entries(state, own, 'relative_position_bias_table', to_window)
        return state

    def _embed(self, inputs: Tensor) -> Tensor:
        """Class token and embedded patches, `(N, 1 + h*w, C)`."""
        x, hw_shape = self.patch_embed(inputs)
        if hw_shape != self.patch_shape:
            raise ConfigError(
                f'{type(self).__name__} was built for images of {self.img_size} (img_size), but got one of '
                f"{tuple(inputs.shape[2:])}: crop to that size, and set test_cfg=dict(mode='slide', "
                f'crop_size={self.img_size}, stride=...) of the segmentor.'
            )
        return torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """`(N, in_channels, *img_size)` to maps `(N, embed_dims, H/patch, W/patch)`."""
        outs = self._run_layers(self._embed(inputs))
        return tuple(nlc_to_nchw(out[:, 1:], self.patch_shape).contiguous() for out in outs)
