"""The layers of Swin Transformer (Liu et al., arXiv:2103.14030)."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmcv.cnn import FFN, build_norm_layer
from mmcv.cnn.bricks.drop import build_dropout
from mmengine.model import BaseModule, ModuleList
from mmengine.model.weight_init import trunc_normal_
from mmengine.utils import to_2tuple
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.relative_position import relative_position_index


class WindowMSA(BaseModule):
    """Self-attention within windows, with a learned bias for each offset between two tokens (section 3.2).

    Args:
        window_size: `(Wh, Ww)`.
        qk_scale: Instead of `1 / sqrt(channels of a head)`.
    """

    relative_position_index: Tensor

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        window_size: Sequence[int],
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        attn_drop_rate: float = 0.0,
        proj_drop_rate: float = 0.0,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.embed_dims = embed_dims
        self.window_size = window_size
        self.num_heads = num_heads
        self.scale = qk_scale or (embed_dims // num_heads) ** -0.5
        height, width = window_size
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * height - 1) * (2 * width - 1), num_heads))
        self.register_buffer('relative_position_index', relative_position_index(height, width))
        self.qkv = nn.Linear(embed_dims, embed_dims * 3, bias=qkv_bias)
        self.attn_drop = nn.Dropout(attn_drop_rate)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.proj_drop = nn.Dropout(proj_drop_rate)

    def init_weights(self) -> None:
        super().init_weights()
        trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Windows `(N * num_windows, Wh*Ww, C)`, all those of an image in a row.

        Args:
            mask: `(num_windows, Wh*Ww, Wh*Ww)`, added to the scores.
        """
        count, length, channels = x.shape
        query, key, value = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        if mask is not None:
            # Windows that differ in their mask are heads, so that one mask serves all images.
            bias = (bias + mask[:, None]).flatten(0, 1)
            query, key, value = (part.reshape(-1, len(bias), length, part.shape[-1]) for part in (query, key, value))
        dropout = self.attn_drop.p if self.training else 0.0
        out = F.scaled_dot_product_attention(
            query, key, value, attn_mask=bias[None].to(query.dtype), dropout_p=dropout, scale=self.scale
        )
        out = out.reshape(count, self.num_heads, length, -1).transpose(1, 2).reshape(count, length, channels)
        return self.proj_drop(self.proj(out))


class ShiftWindowMSA(BaseModule):
    """Attention within the windows of a map, which may be shifted (section 3.2).

    Args:
        window_size: Side of a window.
        shift_size: Up to `window_size - 1`; 0: not shifted.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        window_size: int,
        shift_size: int = 0,
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        attn_drop_rate: float = 0,
        proj_drop_rate: float = 0,
        dropout_layer: dict = {'type': 'DropPath', 'drop_prob': 0.0},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        if not 0 <= shift_size < window_size:
            raise ConfigError(f'shift_size should be in 0..{window_size - 1}, but is {shift_size}.')
        self.window_size = window_size
        self.shift_size = shift_size
        self.w_msa = WindowMSA(
            embed_dims,
            num_heads,
            to_2tuple(window_size),
            qkv_bias=qkv_bias,
            qk_scale=qk_scale,
            attn_drop_rate=attn_drop_rate,
            proj_drop_rate=proj_drop_rate,
        )
        self.drop = build_dropout(dropout_layer)

    def forward(self, query: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        """`(N, H*W, C)`; the map is padded to whole windows."""
        batch, length, channels = query.shape
        height, width = hw_shape
        if length != height * width:
            raise ValueError(f'A sequence of {length} tokens is not a map of {height} x {width}.')
        x = query.view(batch, height, width, channels)
        x = F.pad(x, (0, 0, 0, -width % self.window_size, 0, -height % self.window_size))
        padded_h, padded_w = x.shape[1], x.shape[2]
        mask = None
        if self.shift_size > 0:
            x = x.roll((-self.shift_size, -self.shift_size), dims=(1, 2))
            mask = self._shift_mask(padded_h, padded_w, x)
        windows = self.w_msa(self.window_partition(x).flatten(1, 2), mask=mask)
        windows = windows.unflatten(1, (self.window_size, self.window_size))
        x = self.window_reverse(windows, padded_h, padded_w)
        if self.shift_size > 0:
            x = x.roll((self.shift_size, self.shift_size), dims=(1, 2))
        return self.drop(x[:, :height, :width].reshape(batch, length, channels))

    def _shift_mask(self, height: int, width: int, like: Tensor) -> Tensor:
        """Tokens that only the rolling brought into one window do not see each other."""

        def bands(length: int) -> Tensor:
            at = torch.arange(length, device=like.device)
            return (at >= length - self.window_size).long() + (at >= length - self.shift_size).long()

        regions = bands(height)[:, None] * 3 + bands(width)
        ids = self.window_partition(regions[None, :, :, None]).flatten(1)
        return like.new_zeros(()).where(ids[:, None] == ids[:, :, None], -100.0)

    def window_reverse(self, windows: Tensor, H: int, W: int) -> Tensor:
        """`(N * num_windows, window_size, window_size, C)` to `(N, H, W, C)`."""
        size = self.window_size
        x = windows.reshape(-1, H // size, W // size, size, size, windows.shape[-1])
        return x.transpose(2, 3).reshape(-1, H, W, windows.shape[-1])

    def window_partition(self, x: Tensor) -> Tensor:
        """`(N, H, W, C)` to `(N * num_windows, window_size, window_size, C)`."""
        batch, height, width, channels = x.shape
        size = self.window_size
        x = x.reshape(batch, height // size, size, width // size, size, channels)
        return x.transpose(2, 3).reshape(-1, size, size, channels)


class SwinBlock(BaseModule):
    """Attention within windows and a feed-forward network, each after a norm.

    Args:
        shift: Shift the windows by half their side.
        with_cp: Recompute in the backward pass to save memory.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        feedforward_channels: int,
        window_size: int = 7,
        shift: bool = False,
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = {'type': 'LN'},
        with_cp: bool = False,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.with_cp = with_cp
        drop_path = {'type': 'DropPath', 'drop_prob': drop_path_rate}
        self.norm1 = build_norm_layer(norm_cfg, embed_dims)[1]
        self.attn = ShiftWindowMSA(
            embed_dims,
            num_heads,
            window_size,
            shift_size=window_size // 2 if shift else 0,
            qkv_bias=qkv_bias,
            qk_scale=qk_scale,
            attn_drop_rate=attn_drop_rate,
            proj_drop_rate=drop_rate,
            dropout_layer=drop_path,
        )
        self.norm2 = build_norm_layer(norm_cfg, embed_dims)[1]
        self.ffn = FFN(embed_dims, feedforward_channels, act_cfg=act_cfg, ffn_drop=drop_rate, dropout_layer=drop_path)

    def _layer(self, x: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        x = x + self.attn(self.norm1(x), hw_shape)
        return self.ffn(self.norm2(x), identity=x)

    def forward(self, x: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        """`x (N, H*W, C)`."""
        if self.with_cp and x.requires_grad:
            return checkpoint(self._layer, x, hw_shape, use_reentrant=False)
        return self._layer(x, hw_shape)


class SwinBlockSequence(BaseModule):
    """One stage: blocks whose windows are shifted in every second one, then perhaps the merging of patches.

    Args:
        drop_path_rate: One rate, or one for each block.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        feedforward_channels: int,
        depth: int,
        window_size: int = 7,
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float | Sequence[float] = 0.0,
        downsample: nn.Module | None = None,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = {'type': 'LN'},
        with_cp: bool = False,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        rates = [drop_path_rate] * depth if isinstance(drop_path_rate, int | float) else drop_path_rate
        self.blocks = ModuleList(
            [
                SwinBlock(
                    embed_dims,
                    num_heads,
                    feedforward_channels,
                    window_size=window_size,
                    shift=index % 2 == 1,
                    qkv_bias=qkv_bias,
                    qk_scale=qk_scale,
                    drop_rate=drop_rate,
                    attn_drop_rate=attn_drop_rate,
                    drop_path_rate=rate,
                    act_cfg=act_cfg,
                    norm_cfg=norm_cfg,
                    with_cp=with_cp,
                )
                for index, rate in zip(range(depth), rates, strict=True)
            ]
        )
        self.downsample = downsample

    def forward(self, x: Tensor, hw_shape: tuple[int, int]) -> tuple[Tensor, tuple[int, int], Tensor, tuple[int, int]]:
        """The input `(N, H*W, C)` of the next stage with its size, and the output before downsampling with its own."""
        for block in self.blocks:
            x = block(x, hw_shape)
        if self.downsample is None:
            return x, hw_shape, x, hw_shape
        x_down, down_shape = self.downsample(x, hw_shape)
        return x_down, down_shape, x, hw_shape
