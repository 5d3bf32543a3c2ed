"""SegNeXt backbone."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import build_activation_layer, build_norm_layer
from mmcv.cnn.bricks import DropPath
from mmengine.model import BaseModule
from mmengine.model.weight_init import constant_init, normal_init, trunc_normal_init
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.resnet import pretrained_init
from mmseg.models.utils import nchw_to_nlc, nlc_to_nchw
from mmseg.registry import MODELS

_KERNEL_SIZES = [5, [1, 7], [1, 11], [1, 21]]
_PADDINGS = [2, [0, 3], [0, 5], [0, 10]]
_SYNC_BN = {'type': 'SyncBN', 'requires_grad': True}


class Mlp(BaseModule):
    """1x1 convolution, depthwise 3x3, activation, 1x1 convolution.

    Args:
        hidden_features, out_features: `in_features` by default.
        drop: Dropout after the activation and at the end.
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: int | None = None,
        out_features: int | None = None,
        act_cfg: dict = {'type': 'GELU'},
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        hidden = hidden_features or in_features
        self.fc1 = nn.Conv2d(in_features, hidden, 1)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.act = build_activation_layer(act_cfg)
        self.fc2 = nn.Conv2d(hidden, out_features or in_features, 1)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.act(self.dwconv(self.fc1(x))))
        return self.drop(self.fc2(x))


class StemConv(BaseModule):
    """Two 3x3 convolutions of stride 2; gives `(N, H * W, C)`, H and W."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = _SYNC_BN,
    ) -> None:
        super().__init__()
        self.proj = nn.Sequential(
            nn.Conv2d(in_channels, out_channels // 2, 3, stride=2, padding=1),
            build_norm_layer(norm_cfg, out_channels // 2)[1],
            build_activation_layer(act_cfg),
            nn.Conv2d(out_channels // 2, out_channels, 3, stride=2, padding=1),
            build_norm_layer(norm_cfg, out_channels)[1],
        )

    def forward(self, x: Tensor) -> tuple[Tensor, int, int]:
        x = self.proj(x)
        return nchw_to_nlc(x), x.shape[2], x.shape[3]


class OverlapPatchEmbed(BaseModule):
    """A convolution whose patches overlap, and a norm; gives `(N, H * W, C)`, H and W."""

    def __init__(
        self,
        patch_size: int = 7,
        stride: int = 4,
        in_channels: int = 3,
        embed_dim: int = 768,
        norm_cfg: dict = _SYNC_BN,
    ) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, embed_dim, patch_size, stride=stride, padding=patch_size // 2)
        self.norm = build_norm_layer(norm_cfg, embed_dim)[1]

    def forward(self, x: Tensor) -> tuple[Tensor, int, int]:
        x = self.norm(self.proj(x))
        return nchw_to_nlc(x), x.shape[2], x.shape[3]


class MSCAAttention(BaseModule):
    """Multi-scale convolutional attention (section 3.1, equation 1): the input gated by strip convolutions of itself.

    Args:
        kernel_sizes, paddings: The first is that of a square depthwise convolution, each other one, `[1, k]`, of a
            pair of strips `1 x k` and `k x 1`.
    """

    def __init__(
        self, channels: int, kernel_sizes: Sequence[Any] = _KERNEL_SIZES, paddings: Sequence[Any] = _PADDINGS
    ) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(channels, channels, kernel_sizes[0], padding=paddings[0], groups=channels)
        self.num_strips = len(kernel_sizes) - 1
        for index, (kernel, padding) in enumerate(zip(kernel_sizes[1:], paddings[1:], strict=True)):
            for number, flip in (1, 1), (2, -1):
                strip = nn.Conv2d(
                    channels, channels, tuple(kernel[::flip]), padding=tuple(padding[::flip]), groups=channels
                )
                self.add_module(f'conv{index}_{number}', strip)
        self.conv3 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        base = self.conv0(x)
        attention = base
        for index in range(self.num_strips):
            strip = getattr(self, f'conv{index}_2')(getattr(self, f'conv{index}_1')(base))
            attention = attention + strip
        return self.conv3(attention) * x


class MSCASpatialAttention(BaseModule):
    """`MSCAAttention` between two 1x1 convolutions, added to the input."""

    def __init__(
        self,
        in_channels: int,
        attention_kernel_sizes: Sequence[Any] = _KERNEL_SIZES,
        attention_kernel_paddings: Sequence[Any] = _PADDINGS,
        act_cfg: dict = {'type': 'GELU'},
    ) -> None:
        super().__init__()
        self.proj_1 = nn.Conv2d(in_channels, in_channels, 1)
        self.activation = build_activation_layer(act_cfg)
        self.spatial_gating_unit = MSCAAttention(in_channels, attention_kernel_sizes, attention_kernel_paddings)
        self.proj_2 = nn.Conv2d(in_channels, in_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.proj_2(self.spatial_gating_unit(self.activation(self.proj_1(x))))


class MSCABlock(BaseModule):
    """Attention and `Mlp`, each with a norm before, a scale per channel and stochastic depth after it.

    Args:
        drop_path: Probability that a residual branch is dropped.
    """

    def __init__(
        self,
        channels: int,
        attention_kernel_sizes: Sequence[Any] = _KERNEL_SIZES,
        attention_kernel_paddings: Sequence[Any] = _PADDINGS,
        mlp_ratio: float = 4.0,
        drop: float = 0.0,
        drop_path: float = 0.0,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = _SYNC_BN,
    ) -> None:
        super().__init__()
        self.norm1 = build_norm_layer(norm_cfg, channels)[1]
        self.attn = MSCASpatialAttention(channels, attention_kernel_sizes, attention_kernel_paddings, act_cfg)
        self.drop_path = DropPath(drop_path) if drop_path > 0.0 else nn.Identity()
        self.norm2 = build_norm_layer(norm_cfg, channels)[1]
        self.mlp = Mlp(channels, hidden_features=int(channels * mlp_ratio), act_cfg=act_cfg, drop=drop)
        self.layer_scale_1 = nn.Parameter(1e-2 * torch.ones(channels))
        self.layer_scale_2 = nn.Parameter(1e-2 * torch.ones(channels))

    def forward(self, x: Tensor, H: int, W: int) -> Tensor:
        """`(N, H * W, C)` to the same shape."""
        x = nlc_to_nchw(x, (H, W))
        x = x + self.drop_path(self.layer_scale_1[:, None, None] * self.attn(self.norm1(x)))
        x = x + self.drop_path(self.layer_scale_2[:, None, None] * self.mlp(self.norm2(x)))
        return nchw_to_nlc(x)


@MODELS.register_module()
class MSCAN(BaseModule):
    """Multi-scale convolutional attention network (Guo et al., SegNeXt, section 3.1).

    Args:
        embed_dims, mlp_ratios, depths: Of each stage.
        drop_rate: Dropout in the `Mlp`s.
        drop_path_rate: Stochastic depth of the last block; it grows linearly from 0 at the first.
        attention_kernel_sizes, attention_kernel_paddings: See `MSCAAttention`.
    """

    def __init__(
        self,
        in_channels: int = 3,
        embed_dims: Sequence[int] = [64, 128, 256, 512],
        mlp_ratios: Sequence[float] = [4, 4, 4, 4],
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        depths: Sequence[int] = [3, 4, 6, 3],
        num_stages: int = 4,
        attention_kernel_sizes: Sequence[Any] = _KERNEL_SIZES,
        attention_kernel_paddings: Sequence[Any] = _PADDINGS,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = _SYNC_BN,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(pretrained_init(pretrained, init_cfg))
        for name, values in ('embed_dims', embed_dims), ('mlp_ratios', mlp_ratios), ('depths', depths):
            if len(values) < num_stages:
                raise ConfigError(f'MSCAN with num_stages={num_stages} needs as many {name}, but they are {values}.')
        self.depths = depths
        self.num_stages = num_stages
        rates = iter(torch.linspace(0, drop_path_rate, sum(depths), device='cpu').tolist())
        for stage in range(num_stages):
            width = embed_dims[stage]
            if stage == 0:
                # Whatever act_cfg says, the stem of existing checkpoints has its own activation.
                embed: nn.Module = StemConv(in_channels, width, norm_cfg=norm_cfg)
            else:
                embed = OverlapPatchEmbed(
                    patch_size=3, stride=2, in_channels=embed_dims[stage - 1], embed_dim=width, norm_cfg=norm_cfg
                )
            blocks = nn.ModuleList(
                MSCABlock(
                    width,
                    attention_kernel_sizes=attention_kernel_sizes,
                    attention_kernel_paddings=attention_kernel_paddings,
                    mlp_ratio=mlp_ratios[stage],
                    drop=drop_rate,
                    drop_path=next(rates),
                    act_cfg=act_cfg,
                    norm_cfg=norm_cfg,
                )
                for _ in range(depths[stage])
            )
            self.add_module(f'patch_embed{stage + 1}', embed)
            self.add_module(f'block{stage + 1}', blocks)
            self.add_module(f'norm{stage + 1}', nn.LayerNorm(width))

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
                normal_init(module, mean=0, std=(2.0 / fan_out) ** 0.5, bias=0)

    def forward(self, x: Tensor) -> list[Tensor]:
        """`(N, in_channels, H, W)` to the features of the stages, at strides 4, 8, 16 and 32."""
        outs = []
        for stage in range(1, self.num_stages + 1):
            x, height, width = getattr(self, f'patch_embed{stage}')(x)
            for block in getattr(self, f'block{stage}'):
                x = block(x, height, width)
            x = nlc_to_nchw(getattr(self, f'norm{stage}')(x), (height, width)).contiguous()
            outs.append(x)
        return outs
