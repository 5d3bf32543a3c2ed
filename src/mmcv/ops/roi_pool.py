"""RoIPool (Fast R-CNN, arXiv:1504.08083, section 2.1)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn.modules.utils import _pair


def _bins(start: float, extent: float, bins: int, size: int) -> list[tuple[int, int]]:
    """The pixels, first and behind the last, of each bin of an interval on an axis of `size` pixels."""
    step = extent / bins

    def clamp(value: int) -> int:
        return min(max(value, 0), size)

    return [(clamp(math.floor(start + i * step)), clamp(math.ceil(start + (i + 1) * step))) for i in range(bins)]


def roi_pool(
    input: torch.Tensor, rois: torch.Tensor, output_size: int | tuple[int, int], spatial_scale: float = 1.0
) -> torch.Tensor:
    """The maximum over each bin of boxes of a feature map; 0 where a bin is empty. Waits for the device.

    Args:
        input: `(N, C, H, W)`.
        rois: `(K, 5)`: index in the batch, x1, y1, x2, y2, of which the last pixels belong to the box.
        spatial_scale: from coordinates of the boxes to those of the feature map.

    Returns:
        `(K, C, *output_size)`.
    """
    if rois.ndim != 2 or rois.shape[1] != 5:
        raise ValueError(f'rois should be (K, 5), but got {tuple(rois.shape)}')
    bins_h, bins_w = _pair(output_size)
    c, h, w = input.shape[1:]
    out = []
    for index, x1, y1, x2, y2 in rois.tolist():
        image = input[int(index)]
        x1, y1, x2, y2 = (value * spatial_scale for value in (x1, y1, x2 + 1, y2 + 1))
        if x2 <= x1 or y2 <= y1:
            out.append(input.new_zeros(c, bins_h, bins_w))
            continue
        rows = [image[:, a:b].max(1)[0] if a < b else input.new_zeros(c, w) for a, b in _bins(y1, y2 - y1, bins_h, h)]
        image = torch.stack(rows, 1)
        columns = [
            image[:, :, a:b].max(2)[0] if a < b else input.new_zeros(c, bins_h)
            for a, b in _bins(x1, x2 - x1, bins_w, w)
        ]
        out.append(torch.stack(columns, 2))
    return torch.stack(out) if out else input.new_zeros(0, c, bins_h, bins_w)


class RoIPool(nn.Module):
    """See `roi_pool`."""

    def __init__(self, output_size: int | tuple, spatial_scale: float = 1.0) -> None:
        super().__init__()
        self.output_size: Any = _pair(output_size)
        self.spatial_scale = float(spatial_scale)

    def forward(self, input: torch.Tensor, rois: torch.Tensor) -> torch.Tensor:
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def extra_repr(self) -> str:
        return f'output_size={self.output_size}, spatial_scale={self.spatial_scale}'
