"""The networks of SAN's head (Xu et al., Side Adapter Network, arXiv:2302.12242, section 3)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule, build_norm_layer
from mmcv.cnn.bricks.transformer import BaseTransformerLayer
from mmengine.model import BaseModule, ModuleList
from mmengine.model.weight_init import caffe2_xavier_init, trunc_normal_
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.vit import TransformerEncoderLayer
from mmseg.models.utils import LayerNorm2d, PatchEmbed, resize
from mmseg.models.utils.san_layers import MLP


class MLPMaskDecoder(nn.Module):
    """Queries and pixels to masks, and to biases of the attention of CLIP.

    Args:
        total_heads: attention heads of CLIP, or 1 for all.
        total_layers: how many sets of biases are made.
        rescale_attn_bias: scale and shift the biases by two learned numbers.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        total_heads: int = 1,
        total_layers: int = 1,
        embed_channels: int = 256,
        mlp_channels: int = 256,
        mlp_num_layers: int = 3,
        rescale_attn_bias: bool = False,
    ) -> None:
        super().__init__()
        self.total_heads = total_heads
        self.total_layers = total_layers
        per_pixel = partial(nn.Conv2d, kernel_size=1)
        biases = embed_channels * total_heads * total_layers
        self.query_mlp = MLP(in_channels, mlp_channels, embed_channels, mlp_num_layers)
        self.pix_mlp = MLP(in_channels, mlp_channels, embed_channels, mlp_num_layers, per_pixel)
        self.attn_mlp = MLP(in_channels, mlp_channels, biases, mlp_num_layers, per_pixel)
        self.bias_scaling: nn.Module = nn.Linear(1, 1) if rescale_attn_bias else nn.Identity()

    def forward(self, query: Tensor, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Queries `(N, Q, C)` and pixels `(N, C, H, W)`.

        Returns:
            Logits of masks `(N, Q, H, W)`, and for each layer biases `(N, heads, Q, H, W)`.
        """
        query = self.query_mlp(query)
        masks = torch.einsum('bqc,bchw->bqhw', query, self.pix_mlp(x))
        pixels = self.attn_mlp(x).unflatten(1, (self.total_layers, self.total_heads, -1))
        biases = torch.einsum('bqc,blnchw->blnqhw', query, pixels)
        biases = self.bias_scaling(biases[..., None]).squeeze(-1)
        return masks, list(biases.unbind(dim=1))


class SideAdapterNetwork(nn.Module):
    """A small transformer over queries and patches, into which features of CLIP are fused.

    Args:
        clip_channels: of the features of CLIP.
        num_queries: Q.
        fusion_index: behind which layers the features are added, one each; 0: in front of the first.
        cfg_encoder: `num_encode_layer`, `num_heads`, `mlp_ratio`.
        cfg_decoder: `num_heads`, `num_layers`, `embed_channels`, `mlp_channels`, `num_mlp`, `rescale`: see
            `MLPMaskDecoder`.
    """

    def __init__(
        self,
        in_channels: int = 3,
        clip_channels: int = 768,
        embed_dims: int = 240,
        patch_size: int = 16,
        patch_bias: bool = True,
        num_queries: int = 100,
        fusion_index: Sequence[int] = [0, 1, 2, 3],
        cfg_encoder: Mapping[str, Any] = {},
        cfg_decoder: Mapping[str, Any] = {},
        norm_cfg: dict = {'type': 'LN'},
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(
            in_channels=in_channels,
            embed_dims=embed_dims,
            conv_type='Conv2d',
            kernel_size=patch_size,
            stride=patch_size,
            padding=0,
            input_size=(640, 640),
            bias=patch_bias,
            norm_cfg=None,
        )
        grid: Any = self.patch_embed.init_out_size
        self.grid: tuple[int, int] = grid
        num_patches = self.grid[0] * self.grid[1]
        self.pos_embed = nn.Parameter(torch.randn(1, num_patches, embed_dims) * 0.02)
        self.query_pos_embed = nn.Parameter(torch.zeros(1, num_queries, embed_dims))
        self.query_embed = nn.Parameter(torch.zeros(1, num_queries, embed_dims))
        self.encode_layers = ModuleList(
            [
                TransformerEncoderLayer(
                    embed_dims=embed_dims,
                    num_heads=cfg_encoder['num_heads'],
                    feedforward_channels=cfg_encoder['mlp_ratio'] * embed_dims,
                    norm_cfg=norm_cfg,
                )
                for _ in range(cfg_encoder['num_encode_layer'])
            ]
        )
        self.conv_clips: Any = nn.ModuleList(
            nn.Sequential(
                LayerNorm2d(clip_channels),
                ConvModule(clip_channels, embed_dims, kernel_size=1, norm_cfg=None, act_cfg=None),
            )
            for _ in fusion_index
        )
        self.fusion_index = list(fusion_index)
        self.mask_decoder = MLPMaskDecoder(
            in_channels=embed_dims,
            total_heads=cfg_decoder['num_heads'],
            total_layers=cfg_decoder['num_layers'],
            embed_channels=cfg_decoder['embed_channels'],
            mlp_channels=cfg_decoder['mlp_channels'],
            mlp_num_layers=cfg_decoder['num_mlp'],
            rescale_attn_bias=cfg_decoder['rescale'],
        )

    def init_weights(self) -> None:
        trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.query_embed, std=0.02)
        nn.init.normal_(self.query_pos_embed, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for conv in self.conv_clips:
            caffe2_xavier_init(conv[1].conv)
        for module in [*self.mask_decoder.pix_mlp.layers, *self.mask_decoder.attn_mlp.layers]:
            caffe2_xavier_init(module)

    def fuse_clip(self, fused_index: int, x: Tensor, clip_feature: Tensor, hwshape: tuple[int, int], L: int) -> Tensor:
        """Add a feature of CLIP to the last `L` tokens of `x (N, Q + L, C)`."""
        fused = resize(self.conv_clips[fused_index](clip_feature), size=hwshape, mode='bilinear', align_corners=False)
        return torch.cat([x[:, :-L], x[:, -L:] + fused.flatten(2).transpose(1, 2)], dim=1)

    def encode_feature(
        self, image: Tensor, clip_features: Sequence[Any], deep_supervision_idxs: Sequence[int]
    ) -> list[dict[str, Tensor]]:
        """Queries `(N, Q, C)` and pixels `(N, C, h, w)` behind the layers of `deep_supervision_idxs` and the last."""
        x, hwshape = self.patch_embed(image)
        length = x.shape[1]
        pos_embed: Tensor = self.pos_embed
        if hwshape != self.grid:
            maps = pos_embed.transpose(1, 2).unflatten(2, self.grid)
            maps = F.interpolate(maps, size=hwshape, mode='bicubic', align_corners=False)
            pos_embed = maps.flatten(2).transpose(1, 2)
        pos_embed = torch.cat([self.query_pos_embed, pos_embed], dim=1)
        x = torch.cat([self.query_embed.expand(len(x), -1, -1), x], dim=1) + pos_embed
        last = len(self.encode_layers)
        outs = []
        for index in range(last + 1):
            if index:
                x = self.encode_layers[index - 1](x)
            if index in self.fusion_index:
                place = self.fusion_index.index(index)
                x = self.fuse_clip(place, x, clip_features[place][0], hwshape, length)
            if index and (index in deep_supervision_idxs or index == last):
                pixels = x[:, -length:].transpose(1, 2).unflatten(2, hwshape)
                outs.append({'query': x[:, :-length], 'x': pixels})
            if 0 < index < last:
                x = x + pos_embed
        return outs

    def decode_feature(self, features: Sequence[Mapping[str, Tensor]]) -> tuple[list[Tensor], list[list[Tensor]]]:
        decoded = [self.mask_decoder(**feature) for feature in features]
        return [masks for masks, _ in decoded], [biases for _, biases in decoded]

    def forward(
        self, image: Tensor, clip_features: Sequence[Any], deep_supervision_idxs: Sequence[int]
    ) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Masks and biases, see `MLPMaskDecoder`, one for each output of `encode_feature`.

        Args:
            image: `(N, C, H, W)`.
            clip_features: pairs of map and class token, one for each of `fusion_index`.
        """
        return self.decode_feature(self.encode_feature(image, clip_features, deep_supervision_idxs))


class RecWithAttnbias(BaseModule):
    """The last layers of CLIP with a class token for each mask, which looks where the biases say (section 3.3).

    Args:
        sos_token_format: `'cls_token'`: copies of the class token; `'learnable_token'`: learned ones;
            `'pos_embedding'`: their sum.
        sos_token_num: number of masks.
        cross_attn: taken for compatibility; these tokens are seen by no other, so that both ways give the same.
        frozen_exclude: parts of names of parameters that are trained; `'all'`: all are.
    """

    def __init__(
        self,
        sos_token_format: str = 'cls_token',
        sos_token_num: int = 100,
        num_layers: int = 3,
        cross_attn: bool = False,
        embed_dims: int = 768,
        num_heads: int = 12,
        mlp_ratio: int = 4,
        num_fcs: int = 2,
        qkv_bias: bool = True,
        out_dims: int = 512,
        final_norm: bool = True,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = {'type': 'LN'},
        frozen_exclude: Sequence[str] = [],
    ) -> None:
        super().__init__()
        formats = ('cls_token', 'learnable_token', 'pos_embedding')
        if sos_token_format not in formats:
            raise ConfigError(f'sos_token_format should be one of {", ".join(formats)}, but is {sos_token_format!r}.')
        self.sos_token_format = sos_token_format
        self.sos_token_num = sos_token_num
        self.num_heads = num_heads
        self.cross_attn = cross_attn
        self.frozen_exclude = list(frozen_exclude)
        if sos_token_format != 'cls_token':
            self.sos_token = nn.Parameter(torch.randn(sos_token_num, 1, embed_dims) * 0.02)
            self.frozen_exclude.append('sos_token')
        layer: dict[str, Any] = {
            'attn_cfgs': {
                'type': 'MultiheadAttention',
                'embed_dims': embed_dims,
                'num_heads': num_heads,
                'bias': qkv_bias,
            },
            'ffn_cfgs': {
                'type': 'FFN',
                'embed_dims': embed_dims,
                'feedforward_channels': mlp_ratio * embed_dims,
                'num_fcs': num_fcs,
                'act_cfg': act_cfg,
            },
            'norm_cfg': norm_cfg,
            'operation_order': ('norm', 'self_attn', 'norm', 'ffn'),
        }
        self.layers: Any = ModuleList([BaseTransformerLayer(**layer) for _ in range(num_layers)])
        self.ln_post: nn.Module = build_norm_layer(norm_cfg, embed_dims)[1] if final_norm else nn.Identity()
        self.proj = nn.Linear(embed_dims, out_dims, bias=False)
        self._freeze()

    def _freeze(self) -> None:
        if 'all' in self.frozen_exclude:
            return
        for name, parameter in self.named_parameters():
            if not any(part in name for part in self.frozen_exclude):
                parameter.requires_grad_(False)

    def _build_attn_biases(self, attn_biases: Sequence[Tensor], target_shape: tuple[int, int]) -> list[Tensor]:
        """What is added to the attention of each layer, `(N * heads, T, T)` with T = masks + class token + pixels.

        Args:
            attn_biases: `(N, heads or 1, Q, H, W)`, one for each layer or for all.
        """
        formatted = []
        for bias in attn_biases:
            batch, heads, queries = bias.shape[:3]
            small = F.adaptive_max_pool2d(bias.flatten(1, 2), target_shape).view(batch, heads, queries, -1)
            small = small.expand(-1, self.num_heads, -1, -1).flatten(0, 1)
            tokens = queries + 1 + small.shape[-1]
            # No token looks at that of a mask but itself, and those do not look at the class token.
            hidden = small.new_zeros(tokens, tokens)
            hidden[:, :queries] = -100
            hidden[:queries, queries] = -100
            hidden[:queries, :queries].fill_diagonal_(0)
            full = hidden.repeat(len(small), 1, 1)
            full[:, :queries, queries + 1 :] = small
            formatted.append(full)
        return formatted * len(self.layers) if len(formatted) == 1 else formatted

    def forward(self, bias: Sequence[Tensor], feature: Sequence[Tensor]) -> Tensor:
        """Vectors of the masks, `(N, Q, out_dims)`, of length 1.

        Args:
            bias: see `_build_attn_biases`.
            feature: map `(N, C, h, w)` and class token `(N, C)` of CLIP.
        """
        image, cls_token = feature[0], feature[1][None]
        pixels = image.flatten(2).permute(2, 0, 1)
        if self.sos_token_format == 'cls_token':
            tokens = cls_token.expand(self.sos_token_num, -1, -1)
        else:
            tokens = self.sos_token.expand(-1, cls_token.shape[1], -1)
            if self.sos_token_format == 'pos_embedding':
                tokens = tokens + cls_token
        x = torch.cat([tokens, cls_token, pixels])
        biases = self._build_attn_biases(bias, (int(image.shape[-2]), int(image.shape[-1])))
        for layer, mask in zip(self.layers, biases, strict=True):
            x = layer(x, attn_masks=[mask.to(x.dtype)])
        vectors = self.proj(self.ln_post(x[: self.sos_token_num].transpose(0, 1)))
        return F.normalize(vectors, dim=-1)
