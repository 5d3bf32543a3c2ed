"""Twins (Chu et al., arXiv:2104.13840): PCPVT and SVT."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmcv.cnn import FFN, build_norm_layer
from mmcv.cnn.bricks.drop import build_dropout
from mmengine.model import BaseModule, ModuleList
from mmengine.model.weight_init import constant_init, normal_init, trunc_normal_init
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.mit import EfficientMultiheadAttention
from mmseg.models.backbones.pretrained_layouts import AdaptsStateDict, State, from_twins
from mmseg.models.backbones.resnet import pretrained_init
from mmseg.models.utils import nchw_to_nlc, nlc_to_nchw
from mmseg.models.utils.embed import PatchEmbed
from mmseg.registry import MODELS


class GlobalSubsampledAttention(EfficientMultiheadAttention):
    """Attention of all tokens over a map reduced by a strided convolution (GSA, section 3.2)."""

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        attn_drop: float = 0.0,
        proj_drop: float = 0.0,
        dropout_layer: dict | None = None,
        batch_first: bool = True,
        qkv_bias: bool = True,
        norm_cfg: dict = {'type': 'LN'},
        sr_ratio: int = 1,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(
            embed_dims,
            num_heads,
            attn_drop=attn_drop,
            proj_drop=proj_drop,
            dropout_layer=dropout_layer,
            batch_first=batch_first,
            qkv_bias=qkv_bias,
            norm_cfg=norm_cfg,
            sr_ratio=sr_ratio,
            init_cfg=init_cfg,
        )


class LocallyGroupedSelfAttention(BaseModule):
    """Attention within windows (LSA, section 3.2).

    Args:
        window_size: Side of a window.
        qk_scale: Instead of `1 / sqrt(channels of a head)`.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int = 8,
        qkv_bias: bool = False,
        qk_scale: float | None = None,
        attn_drop_rate: float = 0.0,
        proj_drop_rate: float = 0.0,
        window_size: int = 1,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if embed_dims % num_heads:
            raise ConfigError(f'embed_dims ({embed_dims}) should be divisible by num_heads ({num_heads}).')
        self.embed_dims = embed_dims
        self.num_heads = num_heads
        self.scale = qk_scale or (embed_dims // num_heads) ** -0.5
        self.qkv = nn.Linear(embed_dims, embed_dims * 3, bias=qkv_bias)
        self.attn_drop = nn.Dropout(attn_drop_rate)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.proj_drop = nn.Dropout(proj_drop_rate)
        self.window_size = window_size

    def forward(self, x: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        """`(N, H*W, C)`; the map is padded to whole windows, and what is padded is not attended to."""
        batch, length, channels = x.shape
        height, width = hw_shape
        size = self.window_size
        pad_h, pad_w = -height % size, -width % size
        x = F.pad(x.view(batch, height, width, channels), (0, 0, 0, pad_w, 0, pad_h))
        rows, cols = x.shape[1] // size, x.shape[2] // size
        windows = x.view(batch, rows, size, cols, size, channels).transpose(2, 3).flatten(3, 4).flatten(1, 2)
        # (3, N, windows * heads, size * size, C / heads)
        qkv = self.qkv(windows).unflatten(-1, (3, self.num_heads, -1)).permute(3, 0, 1, 4, 2, 5).flatten(2, 3)
        query, key, value = qkv
        mask = None
        if pad_h or pad_w:
            mask = self._padding_mask(hw_shape, (rows, cols), query).repeat_interleave(self.num_heads, dim=0)[None]
        dropout = self.attn_drop.p if self.training else 0.0
        out = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout, scale=self.scale)
        out = out.unflatten(1, (rows, cols, self.num_heads)).unflatten(4, (size, size))
        # (N, rows, cols, heads, size, size, C / heads) to (N, H, W, C)
        out = out.permute(0, 1, 4, 2, 5, 3, 6).flatten(5, 6).flatten(1, 2).flatten(2, 3)
        out = out[:, :height, :width].reshape(batch, length, channels)
        return self.proj_drop(self.proj(out))

    def _padding_mask(self, hw_shape: tuple[int, int], grid: tuple[int, int], like: Tensor) -> Tensor:
        """`(windows, size*size, size*size)`, added to the scores: large and negative between image and padding."""
        size = self.window_size
        rows = torch.arange(grid[0] * size, device=like.device) >= hw_shape[0]
        cols = torch.arange(grid[1] * size, device=like.device) >= hw_shape[1]
        padded = (rows[:, None] | cols).view(grid[0], size, grid[1], size).transpose(1, 2).reshape(-1, size * size)
        return like.new_zeros(()).where(padded[:, None] == padded[:, :, None], -1000.0)


class _EncoderLayer(BaseModule):
    """Attention and feed-forward network, each after a norm."""

    attn: nn.Module

    def __init__(
        self,
        attn: nn.Module,
        embed_dims: int,
        feedforward_channels: int,
        drop_rate: float,
        drop_path_rate: float,
        num_fcs: int,
        act_cfg: dict,
        norm_cfg: dict,
        init_cfg: Any,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.norm1 = build_norm_layer(norm_cfg, embed_dims)[1]
        self.attn = attn
        self.norm2 = build_norm_layer(norm_cfg, embed_dims)[1]
        self.ffn = FFN(
            embed_dims=embed_dims,
            feedforward_channels=feedforward_channels,
            num_fcs=num_fcs,
            ffn_drop=drop_rate,
            act_cfg=act_cfg,
            add_identity=False,
        )
        self.drop_path = build_dropout({'type': 'DropPath', 'drop_prob': drop_path_rate})

    def _attend(self, x: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        return self.attn(x, hw_shape)

    def forward(self, x: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        """`x (N, H*W, C)`."""
        x = x + self.drop_path(self._attend(self.norm1(x), hw_shape))
        return x + self.drop_path(self.ffn(self.norm2(x)))


class GSAEncoderLayer(_EncoderLayer):
    """A layer with `GlobalSubsampledAttention`."""

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        feedforward_channels: int,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        num_fcs: int = 2,
        qkv_bias: bool = True,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = {'type': 'LN'},
        sr_ratio: int = 1,
        init_cfg: Any = None,
    ) -> None:
        attn = GlobalSubsampledAttention(
            embed_dims,
            num_heads,
            attn_drop=attn_drop_rate,
            proj_drop=drop_rate,
            qkv_bias=qkv_bias,
            norm_cfg=norm_cfg,
            sr_ratio=sr_ratio,
        )
        super().__init__(
            attn, embed_dims, feedforward_channels, drop_rate, drop_path_rate, num_fcs, act_cfg, norm_cfg, init_cfg
        )

    def _attend(self, x: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        return self.attn(x, hw_shape, identity=x.new_zeros(()))


class LSAEncoderLayer(_EncoderLayer):
    """A layer with `LocallyGroupedSelfAttention`."""

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        feedforward_channels: int,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        num_fcs: int = 2,
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = {'type': 'LN'},
        window_size: int = 1,
        init_cfg: Any = None,
    ) -> None:
        attn = LocallyGroupedSelfAttention(
            embed_dims, num_heads, qkv_bias, qk_scale, attn_drop_rate, drop_rate, window_size
        )
        super().__init__(
            attn, embed_dims, feedforward_channels, drop_rate, drop_path_rate, num_fcs, act_cfg, norm_cfg, init_cfg
        )


class ConditionalPositionEncoding(BaseModule):
    """A depthwise 3x3 convolution, which lets tokens know where they are (arXiv:2102.10882)."""

    def __init__(self, in_channels: int, embed_dims: int = 768, stride: int = 1, init_cfg: Any = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.proj = nn.Conv2d(
            in_channels, embed_dims, kernel_size=3, stride=stride, padding=1, bias=True, groups=embed_dims
        )
        self.stride = stride

    def forward(self, x: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        """`x (N, H*W, C)`; with stride 1 it is added to the result."""
        pixels = nlc_to_nchw(x, hw_shape)
        out = self.proj(pixels)
        return nchw_to_nlc(out + pixels if self.stride == 1 else out)


@MODELS.register_module()
class PCPVT(AdaptsStateDict):
    """Pyramid vision transformer with conditional position encodings (section 3.1).

    Checkpoints of the paper's code load as they are.

    Args:
        embed_dims, num_heads, mlp_ratios, depths: Of each stage.
        patch_sizes, strides: Of the patch embedding of each stage.
        sr_ratios: Reduction of keys and values in each stage.
        drop_path_rate: Rate of the last layer; it grows linearly from 0.
        norm_after_stage: Normalise the output of each stage.
        pretrained: A checkpoint; `init_cfg=dict(type='Pretrained', checkpoint=...)` says the same.
    """

    def __init__(
        self,
        in_channels: int = 3,
        embed_dims: Sequence[int] = [64, 128, 256, 512],
        patch_sizes: Sequence[int] = [4, 2, 2, 2],
        strides: Sequence[int] = [4, 2, 2, 2],
        num_heads: Sequence[int] = [1, 2, 4, 8],
        mlp_ratios: Sequence[int] = [4, 4, 4, 4],
        out_indices: Sequence[int] = (0, 1, 2, 3),
        qkv_bias: bool = False,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        norm_cfg: dict = {'type': 'LN'},
        depths: Sequence[int] = [3, 4, 6, 3],
        sr_ratios: Sequence[int] = [8, 4, 2, 1],
        norm_after_stage: bool = False,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg=pretrained_init(pretrained, init_cfg))
        self.depths = depths
        self.out_indices = out_indices
        self.norm_after_stage = norm_after_stage
        num_stages = len(depths)
        widths = [in_channels, *embed_dims]
        self.patch_embeds = ModuleList(
            [
                PatchEmbed(
                    in_channels=widths[stage],
                    embed_dims=embed_dims[stage],
                    conv_type='Conv2d',
                    kernel_size=patch_sizes[stage],
                    stride=strides[stage],
                    padding='corner',
                    norm_cfg=norm_cfg,
                )
                for stage in range(num_stages)
            ]
        )
        self.position_encoding_drops = ModuleList([nn.Dropout(p=drop_rate) for _ in range(num_stages)])
        rates = iter(torch.linspace(0, drop_path_rate, sum(depths), device='cpu').tolist())
        self.layers = ModuleList()
        for stage in range(num_stages):
            shared = {
                'embed_dims': embed_dims[stage],
                'num_heads': num_heads[stage],
                'feedforward_channels': mlp_ratios[stage] * embed_dims[stage],
                'drop_rate': drop_rate,
                'attn_drop_rate': attn_drop_rate,
                'qkv_bias': qkv_bias,
                'norm_cfg': norm_cfg,
            }
            self.layers.append(
                ModuleList(
                    [
                        self._build_layer(stage, index, sr_ratios[stage], drop_path_rate=next(rates), **shared)
                        for index in range(depths[stage])
                    ]
                )
            )
        self.position_encodings = ModuleList(
            [ConditionalPositionEncoding(embed_dim, embed_dim) for embed_dim in embed_dims[:num_stages]]
        )
        if norm_after_stage:
            self.norm_list = ModuleList([build_norm_layer(norm_cfg, dims)[1] for dims in embed_dims[:num_stages]])

    def _build_layer(self, stage: int, index: int, sr_ratio: int, **kwargs: Any) -> nn.Module:
        return GSAEncoderLayer(sr_ratio=sr_ratio, **kwargs)

    def init_weights(self) -> None:
        if self.init_cfg is not None:
            super().init_weights()
            return
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_init(module, std=0.02, bias=0.0)
            elif isinstance(module, _BatchNorm | nn.GroupNorm | nn.LayerNorm):
                constant_init(module, val=1.0, bias=0.0)
            elif isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                normal_init(module, mean=0, std=math.sqrt(2.0 / fan_out), bias=0)

    def adapt_state_dict(self, state: State) -> State:
        return from_twins(state)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """`(N, in_channels, H, W)` to the outputs of the stages in `out_indices`."""
        outs = []
        layers: Any = self.layers
        for stage in range(len(self.depths)):
            tokens, hw_shape = self.patch_embeds[stage](x)
            tokens = self.position_encoding_drops[stage](tokens)
            for index, layer in enumerate(layers[stage]):
                tokens = layer(tokens, hw_shape)
                if index == 0:
                    tokens = self.position_encodings[stage](tokens, hw_shape)
            if self.norm_after_stage:
                tokens = self.norm_list[stage](tokens)
            x = nlc_to_nchw(tokens, hw_shape).contiguous()
            if stage in self.out_indices:
                outs.append(x)
        return tuple(outs)


@MODELS.register_module()
class SVT(PCPVT):
    """Twins in which attention within windows and over the reduced map take turns (section 3.2).

    Args:
        windiow_sizes: Side of the windows of each stage. The spelling is that of existing configs.

    Other arguments are those of `PCPVT`.
    """

    def __init__(
        self,
        in_channels: int = 3,
        embed_dims: Sequence[int] = [64, 128, 256],
        patch_sizes: Sequence[int] = [4, 2, 2, 2],
        strides: Sequence[int] = [4, 2, 2, 2],
        num_heads: Sequence[int] = [1, 2, 4],
        mlp_ratios: Sequence[int] = [4, 4, 4],
        out_indices: Sequence[int] = (0, 1, 2, 3),
        qkv_bias: bool = False,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.2,
        norm_cfg: dict = {'type': 'LN'},
        depths: Sequence[int] = [4, 4, 4],
        sr_ratios: Sequence[int] = [4, 2, 1],
        windiow_sizes: Sequence[int] = [7, 7, 7],
        norm_after_stage: bool = True,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        self._window_sizes = windiow_sizes
        super().__init__(
            in_channels,
            embed_dims,
            patch_sizes,
            strides,
            num_heads,
            mlp_ratios,
            out_indices,
            qkv_bias,
            drop_rate,
            attn_drop_rate,
            drop_path_rate,
            norm_cfg,
            depths,
            sr_ratios,
            norm_after_stage,
            pretrained,
            init_cfg,
        )

    def _build_layer(self, stage: int, index: int, sr_ratio: int, **kwargs: Any) -> nn.Module:
        if index % 2:
            return super()._build_layer(stage, index, sr_ratio, **kwargs)
        return LSAEncoderLayer(window_size=self._window_sizes[stage], **kwargs)
