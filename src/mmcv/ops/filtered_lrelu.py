"""A leaky ReLU between an upsampling and a downsampling filter (StyleGAN3, arXiv:2106.12423)."""

from __future__ import annotations

import numpy as np
import torch

from mmcv.ops.bias_act import bias_act
from mmcv.ops.upfirdn2d import upfirdn2d


def filtered_lrelu(
    input: torch.Tensor,
    filter_up: torch.Tensor | None = None,
    filter_down: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: int = 0,
    gain: float = np.sqrt(2),
    slope: float = 0.2,
    clamp: float | int | None = None,
    flip_filter: bool = False,
    use_custom_op: bool = True,
) -> torch.Tensor:
    """Add a bias, upsample, apply a leaky ReLU with gain and clamp, downsample. See `upfirdn2d` and `bias_act`."""
    x = bias_act(input, bias)
    x = upfirdn2d(x, filter_up, up=up, padding=padding, gain=up**2, flip_filter=flip_filter)
    x = bias_act(x, act='lrelu', alpha=slope, gain=float(gain), clamp=clamp)
    return upfirdn2d(x, filter_down, down=down, flip_filter=flip_filter)
