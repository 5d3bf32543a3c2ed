from typing import Any

import torch

from mmcv.cnn.bricks.deformable_attention import (
    MultiScaleDeformableAttention,
    multi_scale_deformable_attn_pytorch,
)

__all__ = [
    'MultiScaleDeformableAttention',
    'MultiScaleDeformableAttnFunction',
    'multi_scale_deformable_attn_pytorch',
]


class MultiScaleDeformableAttnFunction:
    """Where the compiled operator is called: `apply` is `multi_scale_deformable_attn_pytorch`."""

    @staticmethod
    def apply(
        value: torch.Tensor,
        value_spatial_shapes: torch.Tensor,
        value_level_start_index: Any,
        sampling_locations: torch.Tensor,
        attention_weights: torch.Tensor,
        im2col_step: Any = 64,
    ) -> torch.Tensor:
        """The start index and `im2col_step` are not used."""
        return multi_scale_deformable_attn_pytorch(value, value_spatial_shapes, sampling_locations, attention_weights)
