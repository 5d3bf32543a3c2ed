"""PoolFormer (Yu et al., MetaFormer, arXiv:2111.11418), with mmpretrain's names."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import build_activation_layer, build_norm_layer
from mmcv.cnn.bricks.drop import build_dropout
from mmengine.model import BaseModule
from mmengine.model.weight_init import trunc_normal_init
from mmseg.models.backbones.convnext import arch_of, stages_of
from mmseg.registry import MODELS


class PatchEmbed(nn.Module):
    """A strided convolution."""

    def __init__(
        self,
        patch_size: int = 16,
        stride: int = 16,
        padding: int = 0,
        in_chans: int = 3,
        embed_dim: int = 768,
        norm_layer: Any = None,
    ) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_chans, embed_dim, kernel_size=patch_size, stride=stride, padding=padding)
        self.norm = norm_layer(embed_dim) if norm_layer else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.proj(x))


class Pooling(nn.Module):
    """Average pooling minus its input, which is added again by the residual connection (section 3.2)."""

    def __init__(self, pool_size: int = 3) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(pool_size, stride=1, padding=pool_size // 2, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x) - x


class Mlp(nn.Module):
    """Two pointwise convolutions."""

    def __init__(
        self,
        in_features: int,
        hidden_features: int | None = None,
        out_features: int | None = None,
        act_cfg: dict = {'type': 'GELU'},
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(in_features, hidden_features or in_features, 1)
        self.act = build_activation_layer(act_cfg)
        self.fc2 = nn.Conv2d(hidden_features or in_features, out_features or in_features, 1)
        self.drop = nn.Dropout(drop)
        for conv in (self.fc1, self.fc2):
            trunc_normal_init(conv, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))


class PoolFormerBlock(BaseModule):
    """Pooling and pointwise convolutions, each after a norm and with a learned scale of its channels."""

    def __init__(
        self,
        dim: int,
        pool_size: int = 3,
        mlp_ratio: float = 4.0,
        norm_cfg: dict = {'type': 'GN', 'num_groups': 1},
        act_cfg: dict = {'type': 'GELU'},
        drop: float = 0.0,
        drop_path: float = 0.0,
        layer_scale_init_value: float = 1e-5,
    ) -> None:
        super().__init__()
        self.norm1 = build_norm_layer(norm_cfg, dim)[1]
        self.token_mixer = Pooling(pool_size=pool_size)
        self.norm2 = build_norm_layer(norm_cfg, dim)[1]
        self.mlp = Mlp(dim, hidden_features=int(dim * mlp_ratio), act_cfg=act_cfg, drop=drop)
        self.drop_path = build_dropout({'type': 'DropPath', 'drop_prob': drop_path})
        self.layer_scale_1 = nn.Parameter(torch.full((dim,), layer_scale_init_value))
        self.layer_scale_2 = nn.Parameter(torch.full((dim,), layer_scale_init_value))

    def forward(self, x: Tensor) -> Tensor:
        """`x (N, C, H, W)`."""
        x = x + self.drop_path(self.layer_scale_1.view(-1, 1, 1) * self.token_mixer(self.norm1(x)))
        return x + self.drop_path(self.layer_scale_2.view(-1, 1, 1) * self.mlp(self.norm2(x)))


@MODELS.register_module()
class PoolFormer(BaseModule):
    """PoolFormer.

    Args:
        arch: A name of `arch_settings`, or `dict(layers=..., embed_dims=..., mlp_ratios=...,
            layer_scale_init_value=...)`.
        in_patch_size, in_stride, in_pad: Of the first convolution; `down_...`: of those between stages.
        drop_path_rate: Rate of the last block; it grows linearly from 0.
        out_indices: Parts of `network` whose output is returned, normalised; -1: the last. Even ones are stages, odd
            ones the downsampling after them.
        frozen_stages: The first convolution and this many parts of `network` are frozen and in eval mode; -1: none.
    """

    arch_settings: dict[str, dict[str, Any]] = {
        's12': {
            'layers': [2, 2, 6, 2],
            'embed_dims': [64, 128, 320, 512],
            'mlp_ratios': [4, 4, 4, 4],
            'layer_scale_init_value': 1e-5,
        },
        's24': {
            'layers': [4, 4, 12, 4],
            'embed_dims': [64, 128, 320, 512],
            'mlp_ratios': [4, 4, 4, 4],
            'layer_scale_init_value': 1e-5,
        },
        's36': {
            'layers': [6, 6, 18, 6],
            'embed_dims': [64, 128, 320, 512],
            'mlp_ratios': [4, 4, 4, 4],
            'layer_scale_init_value': 1e-6,
        },
        'm36': {
            'layers': [6, 6, 18, 6],
            'embed_dims': [96, 192, 384, 768],
            'mlp_ratios': [4, 4, 4, 4],
            'layer_scale_init_value': 1e-6,
        },
        'm48': {
            'layers': [8, 8, 24, 8],
            'embed_dims': [96, 192, 384, 768],
            'mlp_ratios': [4, 4, 4, 4],
            'layer_scale_init_value': 1e-6,
        },
    }

    def __init__(
        self,
        arch: str | Mapping[str, Any] = 's12',
        pool_size: int = 3,
        norm_cfg: dict = {'type': 'GN', 'num_groups': 1},
        act_cfg: dict = {'type': 'GELU'},
        in_patch_size: int = 7,
        in_stride: int = 4,
        in_pad: int = 2,
        down_patch_size: int = 3,
        down_stride: int = 2,
        down_pad: int = 1,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        out_indices: int | Sequence[int] = -1,
        frozen_stages: int = 0,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        keys = ('layers', 'embed_dims', 'mlp_ratios')
        settings = arch_of(arch, self.arch_settings, keys)
        layers, embed_dims, mlp_ratios = (settings[key] for key in keys)
        self.patch_embed = PatchEmbed(
            patch_size=in_patch_size, stride=in_stride, padding=in_pad, in_chans=3, embed_dim=embed_dims[0]
        )
        rates = iter(torch.linspace(0, drop_path_rate, sum(layers), device='cpu').tolist())
        self.network = nn.ModuleList()
        widths: list[int] = []  # of the output of each part
        for stage, depth in enumerate(layers):
            if stage > 0:
                self.network.append(
                    PatchEmbed(
                        patch_size=down_patch_size,
                        stride=down_stride,
                        padding=down_pad,
                        in_chans=embed_dims[stage - 1],
                        embed_dim=embed_dims[stage],
                    )
                )
                widths.append(embed_dims[stage])
            blocks = [
                PoolFormerBlock(
                    embed_dims[stage],
                    pool_size=pool_size,
                    mlp_ratio=mlp_ratios[stage],
                    norm_cfg=norm_cfg,
                    act_cfg=act_cfg,
                    drop=drop_rate,
                    drop_path=next(rates),
                    layer_scale_init_value=settings.get('layer_scale_init_value', 1e-5),
                )
                for _ in range(depth)
            ]
            self.network.append(nn.Sequential(*blocks))
            widths.append(embed_dims[stage])
        self.out_indices = stages_of(out_indices, len(self.network))
        for index in self.out_indices:
            self.add_module(f'norm{index}', build_norm_layer(norm_cfg, widths[index])[1])
        self.frozen_stages = frozen_stages
        self._freeze_stages()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """`(N, 3, H, W)` to the outputs of the parts in `out_indices`."""
        x = self.patch_embed(x)
        outs = []
        for index, part in enumerate(self.network):
            x = part(x)
            if index in self.out_indices:
                outs.append(getattr(self, f'norm{index}')(x))
        return tuple(outs)

    def _freeze_stages(self) -> None:
        if self.frozen_stages < 0:
            return
        for module in [self.patch_embed, *self.network[: self.frozen_stages]]:
            module.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> 'PoolFormer':
        super().train(mode)
        self._freeze_stages()
        return self
