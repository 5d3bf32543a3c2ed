"""Swin Transformer (Liu et al., arXiv:2103.14030)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import build_norm_layer
from mmengine.model import ModuleList
from mmengine.model.weight_init import constant_init, trunc_normal_, trunc_normal_init
from mmengine.utils import to_2tuple
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.pretrained_layouts import (
    AdaptsStateDict,
    State,
    from_swin,
    own_indices,
    resize_entries,
    resize_pos_embed,
)
from mmseg.models.backbones.relative_position import resize_bias_table
from mmseg.models.backbones.resnet import pretrained_init
from mmseg.models.backbones.swin_blocks import ShiftWindowMSA, SwinBlock, SwinBlockSequence, WindowMSA
from mmseg.models.utils import nlc_to_nchw
from mmseg.models.utils.embed import PatchEmbed, PatchMerging
from mmseg.registry import MODELS

__all__ = ['ShiftWindowMSA', 'SwinBlock', 'SwinBlockSequence', 'SwinTransformer', 'WindowMSA']


@MODELS.register_module()
class SwinTransformer(AdaptsStateDict):
    """Hierarchical transformer with attention in shifted windows.

    Checkpoints of the paper's code load as they are, and those of other window sizes too.

    Args:
        pretrain_img_size: Size of images for which `absolute_pos_embed` is; it is resampled for others.
        embed_dims: Channels of the first stage; each further stage doubles them.
        window_size: Side of a window; `mlp_ratio`: width of feed-forward networks relative to `embed_dims`.
        strides: Of the patch embedding and of each merging of patches.
        patch_norm: Normalise embedded and merged patches.
        drop_path_rate: Rate of the last block; it grows linearly from 0.
        use_abs_pos_embed: Add a learned position embedding.
        with_cp: Recompute in the backward pass to save memory.
        pretrained: A checkpoint; `init_cfg=dict(type='Pretrained', checkpoint=...)` says the same.
        frozen_stages: The patch embedding and this many stages are frozen and in eval mode; -1: none.
    """

    def __init__(
        self,
        pretrain_img_size: int | Sequence[int] = 224,
        in_channels: int = 3,
        embed_dims: int = 96,
        patch_size: int = 4,
        window_size: int = 7,
        mlp_ratio: float = 4,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        strides: Sequence[int] = (4, 2, 2, 2),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        patch_norm: bool = True,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.1,
        use_abs_pos_embed: bool = False,
        act_cfg: dict = {'type': 'GELU'},
        norm_cfg: dict = {'type': 'LN'},
        with_cp: bool = False,
        pretrained: str | None = None,
        frozen_stages: int = -1,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg=pretrained_init(pretrained, init_cfg))
        num_stages = len(depths)
        if len(num_heads) != num_stages or len(strides) != num_stages:
            raise ConfigError(
                f'num_heads {tuple(num_heads)} and strides {tuple(strides)} should have one entry for each of the '
                f'{num_stages} stages of depths {tuple(depths)}.'
            )
        if strides[0] != patch_size:
            raise ConfigError(f'The first stride ({strides[0]}) should be patch_size ({patch_size}).')
        self.out_indices = out_indices
        self.window = to_2tuple(window_size)
        self.use_abs_pos_embed = use_abs_pos_embed
        self.frozen_stages = frozen_stages
        self.patch_embed = PatchEmbed(
            in_channels=in_channels,
            embed_dims=embed_dims,
            conv_type='Conv2d',
            kernel_size=patch_size,
            stride=strides[0],
            padding='corner',
            norm_cfg=norm_cfg if patch_norm else None,
        )
        if use_abs_pos_embed:
            height, width = to_2tuple(pretrain_img_size)
            self.pos_embed_grid = (height // patch_size, width // patch_size)
            num_patches = self.pos_embed_grid[0] * self.pos_embed_grid[1]
            self.absolute_pos_embed = nn.Parameter(torch.zeros(1, num_patches, embed_dims))
        self.drop_after_pos = nn.Dropout(p=drop_rate)

        rates = torch.linspace(0, drop_path_rate, sum(depths), device='cpu').tolist()
        self.stages = ModuleList()
        channels = embed_dims
        self.num_features = [embed_dims * 2**stage for stage in range(num_stages)]
        for stage, depth in enumerate(depths):
            downsample = None
            if stage < num_stages - 1:
                downsample = PatchMerging(
                    in_channels=channels,
                    out_channels=2 * channels,
                    stride=strides[stage + 1],
                    norm_cfg=norm_cfg if patch_norm else None,
                )
            self.stages.append(
                SwinBlockSequence(
                    embed_dims=channels,
                    num_heads=num_heads[stage],
                    feedforward_channels=int(mlp_ratio * channels),
                    depth=depth,
                    window_size=window_size,
                    qkv_bias=qkv_bias,
                    qk_scale=qk_scale,
                    drop_rate=drop_rate,
                    attn_drop_rate=attn_drop_rate,
                    drop_path_rate=rates[sum(depths[:stage]) : sum(depths[: stage + 1])],
                    downsample=downsample,
                    act_cfg=act_cfg,
                    norm_cfg=norm_cfg,
                    with_cp=with_cp,
                )
            )
            channels *= 2
        for index in out_indices:
            self.add_module(f'norm{index}', build_norm_layer(norm_cfg, self.num_features[index])[1])
        self._freeze_stages()

    def train(self, mode: bool = True) -> 'SwinTransformer':
        super().train(mode)
        self._freeze_stages()
        return self

    def _freeze_stages(self) -> None:
        if self.frozen_stages < 0:
            return
        frozen: list[nn.Module] = [self.patch_embed, self.drop_after_pos, *self.stages[: self.frozen_stages]]
        frozen += [getattr(self, f'norm{index}') for index in self.out_indices if index < self.frozen_stages]
        for module in frozen:
            module.eval().requires_grad_(False)
        if self.use_abs_pos_embed:
            self.absolute_pos_embed.requires_grad_(False)

    def init_weights(self) -> None:
        if self.init_cfg is not None:
            super().init_weights()
            return
        if self.use_abs_pos_embed:
            trunc_normal_(self.absolute_pos_embed, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_init(module, std=0.02, bias=0.0)
            elif isinstance(module, nn.LayerNorm):
                constant_init(module, val=1.0, bias=0.0)
            elif isinstance(module, WindowMSA):
                trunc_normal_(module.relative_position_bias_table, std=0.02)

    def adapt_state_dict(self, state: State) -> State:
        state, own = from_swin(state), self.state_dict()
        own_indices(state, own)

        def to_window(table: Tensor, mine: Tensor) -> Tensor:
            if table.shape[1] != mine.shape[1]:
                return table  # of another model, which is reported
            return resize_bias_table(table, self.window)

        resize_entries(state, own, 'relative_position_bias_table', to_window)
        if self.use_abs_pos_embed and 'absolute_pos_embed' in state:
            given = state['absolute_pos_embed']
            side = round(given.shape[1] ** 0.5)
            if given.shape[1] != self.absolute_pos_embed.shape[1] and side * side == given.shape[1]:
                state['absolute_pos_embed'] = resize_pos_embed(given, self.pos_embed_grid, (side, side), 'bicubic')
        return state

    def forward(self, x: Tensor) -> list[Tensor]:
        """`(N, in_channels, H, W)` to the outputs of the stages in `out_indices`, at strides 4, 8, 16, 32."""
        x, hw_shape = self.patch_embed(x)
        if self.use_abs_pos_embed:
            pos_embed: Tensor = self.absolute_pos_embed
            if hw_shape != self.pos_embed_grid:
                pos_embed = resize_pos_embed(pos_embed, hw_shape, self.pos_embed_grid, 'bicubic')
            x = x + pos_embed
        x = self.drop_after_pos(x)
        outs = []
        for index, stage in enumerate(self.stages):
            x, hw_shape, out, out_shape = stage(x, hw_shape)
            if index in self.out_indices:
                outs.append(nlc_to_nchw(getattr(self, f'norm{index}')(out), out_shape).contiguous())
        return outs
