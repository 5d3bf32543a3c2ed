"""Multi-scale deformable attention (Deformable DETR, arXiv:2010.04159, section 4.1)."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from mmengine.model.base_module import BaseModule
from mmengine.model.init_functions import constant_init, xavier_init
from mmengine.registry import MODELS
from mmengine.utils import deprecated_api_warning


def multi_scale_deformable_attn_pytorch(
    value: torch.Tensor,
    value_spatial_shapes: torch.Tensor | Sequence[Sequence[int]],
    sampling_locations: torch.Tensor,
    attention_weights: torch.Tensor,
) -> torch.Tensor:
    """Weighted sums of bilinearly sampled values.

    Args:
        value: `(N, S, heads, C)`, the levels one after another, each flattened row by row; S is their sum of H * W.
        value_spatial_shapes: `(levels, 2)`, H and W of each. A tensor on an accelerator is waited for; a list is not.
        sampling_locations: `(N, L, heads, levels, points, 2)` x and y; 0 and 1 are the outer edges of the image.
            Outside there are zeros.
        attention_weights: `(N, L, heads, levels, points)`.

    Returns:
        `(N, L, heads * C)`.
    """
    if isinstance(value_spatial_shapes, torch.Tensor):
        value_spatial_shapes = value_spatial_shapes.tolist()
    n, _, heads, channels = value.shape
    queries, points = sampling_locations.shape[1], sampling_locations.shape[4]
    levels = value.split([h * w for h, w in value_spatial_shapes], dim=1)
    grids = 2 * sampling_locations - 1
    sampled = []
    for level, (h, w) in enumerate(value_spatial_shapes):
        image = levels[level].permute(0, 2, 3, 1).reshape(n * heads, channels, h, w)
        grid = grids[:, :, :, level].transpose(1, 2).flatten(0, 1)  # (N * heads, L, points, 2)
        sampled.append(F.grid_sample(image, grid, mode='bilinear', padding_mode='zeros', align_corners=False))
    weights = attention_weights.transpose(1, 2).reshape(n * heads, 1, queries, len(sampled) * points)
    out = (torch.cat(sampled, dim=-1) * weights).sum(-1)  # (N * heads, C, L)
    return out.view(n, heads * channels, queries).transpose(1, 2).contiguous()


@MODELS.register_module()
class MultiScaleDeformableAttention(BaseModule):
    """Attention in which each query looks at a few points near its reference point on every level.

    Args:
        num_levels: number of feature maps.
        num_points: number of points a head looks at on each of them.
        im2col_step: taken for compatibility, not used.
        dropout: of the output, before `identity` is added.
        batch_first: whether sequences are `(N, L, C)` instead of `(L, N, C)`.
        value_proj_ratio: channels of the projected values, as a multiple of `embed_dims`.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        num_heads: int = 8,
        num_levels: int = 4,
        num_points: int = 4,
        im2col_step: int = 64,
        dropout: float = 0.1,
        batch_first: bool = False,
        norm_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
        value_proj_ratio: float = 1.0,
    ) -> None:
        super().__init__(init_cfg)
        if embed_dims % num_heads:
            raise ValueError(f'embed_dims should be a multiple of num_heads, but got {embed_dims} and {num_heads}')
        self.norm_cfg = norm_cfg
        self.dropout = nn.Dropout(dropout)
        self.batch_first = batch_first
        self.im2col_step = im2col_step
        self.embed_dims = embed_dims
        self.num_levels = num_levels
        self.num_heads = num_heads
        self.num_points = num_points
        self.sampling_offsets = nn.Linear(embed_dims, num_heads * num_levels * num_points * 2)
        self.attention_weights = nn.Linear(embed_dims, num_heads * num_levels * num_points)
        value_dims = int(embed_dims * value_proj_ratio)
        self.value_proj = nn.Linear(embed_dims, value_dims)
        self.output_proj = nn.Linear(value_dims, embed_dims)
        self.init_weights()

    def init_weights(self) -> None:
        """Each head starts to look in a direction of its own, the further the point, and at all points alike."""
        constant_init(self.sampling_offsets, 0.0)
        device = self.sampling_offsets.bias.device
        angles = torch.arange(self.num_heads, dtype=torch.float32, device=device) * (2 * math.pi / self.num_heads)
        directions = torch.stack([angles.cos(), angles.sin()], -1)
        directions = directions / directions.abs().max(-1, keepdim=True)[0]
        steps = torch.arange(1, self.num_points + 1, dtype=torch.float32, device=device)
        offsets = directions[:, None, None, :] * steps[:, None]
        offsets = offsets.expand(-1, self.num_levels, -1, -1)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(offsets.reshape(-1))
        constant_init(self.attention_weights, val=0.0, bias=0.0)
        xavier_init(self.value_proj, distribution='uniform', bias=0.0)
        xavier_init(self.output_proj, distribution='uniform', bias=0.0)
        self._is_init = True

    @deprecated_api_warning({'residual': 'identity'}, cls_name='MultiScaleDeformableAttention')
    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor | None = None,
        value: torch.Tensor | None = None,
        identity: torch.Tensor | None = None,
        query_pos: torch.Tensor | None = None,
        key_padding_mask: torch.Tensor | None = None,
        reference_points: torch.Tensor | None = None,
        spatial_shapes: torch.Tensor | None = None,
        level_start_index: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """`identity` plus what the queries see.

        Args:
            query: `(Lq, N, C)`, or `(N, Lq, C)` with `batch_first`, as `value`, `identity` and `query_pos`.
            value: the feature maps `(S, N, C)`; `None` is `query`.
            identity: `None` is `query`.
            key_padding_mask: bool `(N, S)`, True for values that are not there.
            reference_points: `(N, Lq, levels, 2)` x and y in [0, 1], or 4 with width and height of a box behind.
            spatial_shapes: `(levels, 2)`, H and W of each feature map.
            key, level_start_index: taken for compatibility, not used.
        """
        if reference_points is None or spatial_shapes is None:
            raise TypeError('MultiScaleDeformableAttention needs reference_points and spatial_shapes')
        value = query if value is None else value
        identity = query if identity is None else identity
        if query_pos is not None:
            query = query + query_pos
        if not self.batch_first:
            query, value = query.transpose(0, 1), value.transpose(0, 1)
        n, queries, _ = query.shape
        # One look at the device, for the sizes; PyTorch's operators need them as numbers.
        shapes = spatial_shapes.tolist() if isinstance(spatial_shapes, torch.Tensor) else spatial_shapes
        if sum(h * w for h, w in shapes) != value.shape[1]:
            raise ValueError(f'{value.shape[1]} values do not make feature maps of the sizes {shapes}')

        value = self.value_proj(value)
        if key_padding_mask is not None:
            value = value.masked_fill(key_padding_mask[..., None], 0.0)
        value = value.view(n, -1, self.num_heads, value.shape[-1] // self.num_heads)
        form = (n, queries, self.num_heads, self.num_levels, self.num_points)
        offsets = self.sampling_offsets(query).view(*form, 2)
        weights = self.attention_weights(query).view(n, queries, self.num_heads, -1).softmax(-1).view(form)
        points = reference_points[:, :, None, :, None, :]
        if reference_points.shape[-1] == 2:
            sizes = offsets.new_tensor([[w, h] for h, w in shapes])
            locations = points + offsets / sizes[:, None, :]
        elif reference_points.shape[-1] == 4:
            locations = points[..., :2] + offsets / self.num_points * points[..., 2:] * 0.5
        else:
            raise ValueError(f'reference_points should have 2 or 4 coordinates, but got {reference_points.shape[-1]}')
        out = self.output_proj(multi_scale_deformable_attn_pytorch(value, shapes, locations, weights))
        if not self.batch_first:
            out = out.transpose(0, 1)
        return self.dropout(out) + identity
