"""Vision Transformer (Dosovitskiy et al., arXiv:2010.11929)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.utils.checkpoint import checkpoint

from mmcv.cnn import FFN, MultiheadAttention, build_norm_layer
from mmengine.model import BaseModule, ModuleList
from mmengine.model.weight_init import constant_init, kaiming_init, trunc_normal_
from mmengine.utils import to_2tuple
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.pretrained_layouts import (
    AdaptsStateDict,
    State,
    adapt_pos_embed,
    from_vit,
    resize_pos_embed,
)
from mmseg.models.backbones.resnet import pretrained_init
from mmseg.models.utils import nlc_to_nchw
from mmseg.models.utils.embed import PatchEmbed
from mmseg.registry import MODELS


class TransformerEncoderLayer(BaseModule):
    """Attention and feed-forward network, each after a norm.

    Args:
        drop_rate: After the projections; `attn_drop_rate`: of attention weights; `drop_path_rate`: of the
            feed-forward branch.
        attn_cfg, ffn_cfg: Further arguments of the two.
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
        num_fcs: int = 2,
        qkv_bias: Any = True,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = {'type': 'LN'},
        batch_first: bool = True,
        attn_cfg: dict = {},
        ffn_cfg: dict = {},
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.ln1 = build_norm_layer(norm_cfg, embed_dims)[1]
        self.build_attn(
            {
                **attn_cfg,
                'embed_dims': embed_dims,
                'num_heads': num_heads,
                'attn_drop': attn_drop_rate,
                'proj_drop': drop_rate,
                'batch_first': batch_first,
                'bias': qkv_bias,
            }
        )
        self.ln2 = build_norm_layer(norm_cfg, embed_dims)[1]
        drop_path = {'type': 'DropPath', 'drop_prob': drop_path_rate}
        self.build_ffn(
            {
                **ffn_cfg,
                'embed_dims': embed_dims,
                'feedforward_channels': feedforward_channels,
                'num_fcs': num_fcs,
                'ffn_drop': drop_rate,
                'dropout_layer': drop_path if drop_path_rate > 0 else None,
                'act_cfg': act_cfg,
            }
        )
        self.with_cp = with_cp

    def build_attn(self, attn_cfg: dict) -> None:
        self.attn: Any = MultiheadAttention(**attn_cfg)

    def build_ffn(self, ffn_cfg: dict) -> None:
        self.ffn = FFN(**ffn_cfg)

    @property
    def norm1(self) -> nn.Module:
        return self.ln1

    @property
    def norm2(self) -> nn.Module:
        return self.ln2

    def _layer(self, x: Tensor) -> Tensor:
        x = self.attn(self.ln1(x), identity=x)
        return self.ffn(self.ln2(x), identity=x)

    def forward(self, x: Tensor) -> Tensor:
        """`x (N, L, C)`."""
        if self.with_cp and x.requires_grad:
            return checkpoint(self._layer, x, use_reentrant=False)
        return self._layer(x)


class PlainTransformer(AdaptsStateDict):
    """What the transformers that stay at one resolution have in common: `layers`, `ln1` and what is put out.

    Args:
        out_indices: Layers whose output is returned; -1: the last.
        final_norm: Normalise the output of the last layer.
    """

    def __init__(
        self,
        img_size: int | Sequence[int],
        patch_size: int,
        num_layers: int,
        out_indices: int | Sequence[int],
        final_norm: bool,
        norm_eval: bool,
        init_cfg: Any,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if isinstance(out_indices, int):
            out_indices = [out_indices % num_layers]
        if not isinstance(out_indices, list | tuple) or max(out_indices) >= num_layers:
            raise ConfigError(
                f'out_indices should be an int, or a list of numbers below {num_layers}, the number of layers, '
                f'but is {out_indices!r}.'
            )
        height, width = to_2tuple(img_size)
        self.img_size = (height, width)
        self.patch_size = patch_size
        self.patch_shape = (height // patch_size, width // patch_size)
        self.out_indices = out_indices
        self.final_norm = final_norm
        self.norm_eval = norm_eval

    @property
    def norm1(self) -> nn.Module:
        return self.ln1  # type: ignore[return-value]

    def _run_layers(self, x: Tensor) -> Any:
        """Yield the output of each layer in `out_indices`."""
        layers: Any = self.layers
        for index, layer in enumerate(layers):
            x = layer(x)
            if index == len(layers) - 1 and self.final_norm:
                x = self.norm1(x)
            if index in self.out_indices:
                yield x

    def _init_layers(self) -> None:
        """As timm does it for the weights of the paper's JAX code."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.normal_(module.bias, std=1e-6) if 'ffn' in name else nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Conv2d):
                kaiming_init(module, mode='fan_in', bias=0.0)
            elif isinstance(module, _BatchNorm | nn.GroupNorm | nn.LayerNorm):
                constant_init(module, val=1.0, bias=0.0)

    def train(self, mode: bool = True) -> 'PlainTransformer':
        super().train(mode)
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.LayerNorm | _BatchNorm | _InstanceNorm | nn.GroupNorm):
                    module.eval()
        return self


@MODELS.register_module()
class VisionTransformer(PlainTransformer):
    """Vision Transformer.

    Checkpoints of timm and DeiT load as they are, and those for other image sizes too.

    Args:
        img_size: Size of images for which `pos_embed` is; it is resampled for others (`interpolate_mode`).
        patch_pad: Padding of the patch embedding, see `PatchEmbed`.
        out_origin: Put out the embedded patches too, before the first layer.
        out_indices: Layers whose output is returned; -1: the last.
        with_cls_token: Have the class token attended to; without, it is dropped before the first layer.
        output_cls_token: Put out each map with the class token, `[map, token (N, C)]`.
        patch_norm: Normalise embedded patches.
        patch_bias: Have a bias in the patch embedding. Without, that of a checkpoint goes into `pos_embed`.
        pre_norm: Normalise before the first layer.
        final_norm: Normalise the output of the last layer.
        norm_eval: Norms are in eval mode while training.
        frozen_exclude: All is frozen but parameters whose name contains one of these; `'all'`: nothing is frozen.
        pretrained: A checkpoint; `init_cfg=dict(type='Pretrained', checkpoint=...)` says the same.
    """

    def __init__(
        self,
        img_size: int | Sequence[int] = 224,
        patch_size: int = 16,
        patch_pad: Any = 'corner',
        in_channels: int = 3,
        embed_dims: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        mlp_ratio: int = 4,
        out_origin: bool = False,
        out_indices: int | Sequence[int] = -1,
        qkv_bias: bool = True,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        with_cls_token: bool = True,
        output_cls_token: bool = False,
        norm_cfg: dict = {'type': 'LN'},
        act_cfg: dict = {'type': 'GELU'},
        patch_norm: bool = False,
        patch_bias: bool = False,
        pre_norm: bool = False,
        final_norm: bool = False,
        interpolate_mode: str = 'bicubic',
        num_fcs: int = 2,
        norm_eval: bool = False,
        with_cp: bool = False,
        frozen_exclude: Sequence[str] = ['all'],
        pretrained: str | None = None,
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
        if output_cls_token and not with_cls_token:
            raise ConfigError('output_cls_token=True needs with_cls_token=True.')
        self.interpolate_mode = interpolate_mode
        self.with_cls_token = with_cls_token
        self.output_cls_token = output_cls_token
        self.out_origin = out_origin
        self.pre_norm = pre_norm
        self.with_cp = with_cp
        self.frozen_exclude = frozen_exclude

        self.patch_embed = PatchEmbed(
            in_channels=in_channels,
            embed_dims=embed_dims,
            conv_type='Conv2d',
            kernel_size=patch_size,
            stride=patch_size,
            padding=patch_pad,
            bias=patch_bias,
            norm_cfg=norm_cfg if patch_norm else None,
            input_size=self.img_size,
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dims))
        num_patches = self.patch_shape[0] * self.patch_shape[1]
        self.pos_embed = nn.Parameter(torch.zeros(1, num_patches + 1, embed_dims))
        self.drop_after_pos = nn.Dropout(p=drop_rate)
        if pre_norm:
            self.ln_pre = build_norm_layer(norm_cfg, embed_dims)[1]
        rates = torch.linspace(0, drop_path_rate, num_layers, device='cpu').tolist()
        self.layers = ModuleList(
            [
                TransformerEncoderLayer(
                    embed_dims=embed_dims,
                    num_heads=num_heads,
                    feedforward_channels=mlp_ratio * embed_dims,
                    drop_rate=drop_rate,
                    attn_drop_rate=attn_drop_rate,
                    drop_path_rate=rate,
                    num_fcs=num_fcs,
                    qkv_bias=qkv_bias,
                    act_cfg=act_cfg,
                    norm_cfg=norm_cfg,
                    with_cp=with_cp,
                    batch_first=True,
                )
                for rate in rates
            ]
        )
        if final_norm:
            self.ln1 = build_norm_layer(norm_cfg, embed_dims)[1]
        self._freeze()

    def _freeze(self) -> None:
        if 'all' in self.frozen_exclude:
            return
        for name, param in self.named_parameters():
            if not any(part in name for part in self.frozen_exclude):
                param.requires_grad_(False)

    def init_weights(self) -> None:
        if self.init_cfg is not None:
            super().init_weights()
            return
        trunc_normal_(self.pos_embed, std=0.02)
        trunc_normal_(self.cls_token, std=0.02)
        self._init_layers()

    def adapt_state_dict(self, state: State) -> State:
        state = from_vit(state, self, fused_attention=True)
        bias, pos_embed = state.get('patch_embed.projection.bias'), state.get('pos_embed')
        lacks_bias = self.patch_embed.projection.bias is None and self.patch_embed.norm is None
        if lacks_bias and bias is not None and pos_embed is not None:
            # Both are added to every patch.
            state['pos_embed'] = torch.cat([pos_embed[:, :1], pos_embed[:, 1:] + bias.to(pos_embed)], dim=1)
            del state['patch_embed.projection.bias']
        adapt_pos_embed(state, 1, self.patch_shape, self.interpolate_mode)
        return state

    def _pos_embeding(self, patched_img: Tensor, hw_shape: tuple[int, int], pos_embed: Tensor) -> Tensor:
        """Add the position embedding to `(N, 1 + h*w, C)`, resampled where the image has another size."""
        if hw_shape != self.patch_shape:
            pos_embed = self.resize_pos_embed(pos_embed, hw_shape, self.patch_shape, self.interpolate_mode)
        return self.drop_after_pos(patched_img + pos_embed)

    @staticmethod
    def resize_pos_embed(
        pos_embed: Tensor, input_shape: tuple[int, int], pos_shape: tuple[int, int], mode: str
    ) -> Tensor:
        """Resample `(1, 1 + h*w, C)` from `pos_shape` to `input_shape`."""
        return resize_pos_embed(pos_embed, input_shape, pos_shape, mode)

    def _output(self, x: Tensor, hw_shape: tuple[int, int]) -> Any:
        patches = x[:, 1:] if self.with_cls_token else x
        out = nlc_to_nchw(patches, hw_shape).contiguous()
        return [out, x[:, 0]] if self.output_cls_token else out

    def forward(self, inputs: Tensor) -> tuple[Any, ...]:
        """`(N, in_channels, H, W)` to maps `(N, embed_dims, H/patch, W/patch)`, see `output_cls_token`."""
        x, hw_shape = self.patch_embed(inputs)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        x = self._pos_embeding(x, hw_shape, self.pos_embed)
        if not self.with_cls_token:
            x = x[:, 1:]
        if self.pre_norm:
            x = self.ln_pre(x)
        outs = [self._output(x, hw_shape)] if self.out_origin else []
        outs += [self._output(out, hw_shape) for out in self._run_layers(x)]
        return tuple(outs)
