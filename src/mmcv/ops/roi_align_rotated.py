"""RoIAlign of rotated boxes (RoI Transformer, arXiv:1812.00155)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules.utils import _pair


def _bilinear(image: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Values `(C, ...)` of an image `(C, H, W)` at pixel coordinates; 0 more than a pixel outside."""
    h, w = image.shape[1:]
    inside = (y >= -1) & (y <= h) & (x >= -1) & (x <= w)
    y, x = y.clamp(0, h - 1), x.clamp(0, w - 1)
    top, left = y.floor().long(), x.floor().long()
    bottom, right = (top + 1).clamp(max=h - 1), (left + 1).clamp(max=w - 1)
    down, across = y - top, x - left
    value = (image[:, top, left] * (1 - across) + image[:, top, right] * across) * (1 - down)
    value = value + (image[:, bottom, left] * (1 - across) + image[:, bottom, right] * across) * down
    return value * inside


def roi_align_rotated(
    input: torch.Tensor,
    rois: torch.Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int = 0,
    aligned: bool = True,
    clockwise: bool = False,
) -> torch.Tensor:
    """The mean of bilinear samples in each bin of rotated boxes. Waits for the device.

    Args:
        input: `(N, C, H, W)`.
        rois: `(K, 6)`: index in the batch, centre x, y, width, height, angle in radians.
        spatial_scale: from coordinates of the boxes to those of the feature map.
        sampling_ratio: samples a side in each bin; 0 takes as many as the bin is pixels wide, rounded up.
        aligned: pixels have their centre at half coordinates; False is the older convention, with boxes of at least
            one pixel.
        clockwise: positive angles turn clockwise in the image.

    Returns:
        `(K, C, *output_size)`.
    """
    if rois.ndim != 2 or rois.shape[1] != 6:
        raise ValueError(f'rois should be (K, 6), but got {tuple(rois.shape)}')
    bins_h, bins_w = _pair(output_size)
    boxes = rois.detach().to(input.dtype).clone()
    boxes[:, 1:5] *= spatial_scale
    if aligned:
        boxes[:, 1:3] -= 0.5
    else:
        boxes[:, 3:5] = boxes[:, 3:5].clamp(min=1)
    if not clockwise:
        boxes[:, 5] *= -1
    out = []
    for box, (index, _, _, width, height, _) in zip(boxes, boxes.tolist(), strict=True):
        samples_h = sampling_ratio if sampling_ratio > 0 else max(0, -int(-height // bins_h))
        samples_w = sampling_ratio if sampling_ratio > 0 else max(0, -int(-width // bins_w))
        if samples_h == 0 or samples_w == 0:
            out.append(input.new_zeros(input.shape[1], bins_h, bins_w))
            continue
        rows, columns = bins_h * samples_h, bins_w * samples_w
        down = ((torch.arange(rows, device=box.device, dtype=box.dtype) + 0.5) / rows - 0.5) * box[4]
        across = ((torch.arange(columns, device=box.device, dtype=box.dtype) + 0.5) / columns - 0.5) * box[3]
        cos, sin = box[5].cos(), box[5].sin()
        x = box[1] + across * cos - down[:, None] * sin
        y = box[2] + across * sin + down[:, None] * cos
        value = _bilinear(input[int(index)], y, x)
        out.append(value.view(-1, bins_h, samples_h, bins_w, samples_w).mean((2, 4)))
    return torch.stack(out) if out else input.new_zeros(0, input.shape[1], bins_h, bins_w)


class RoIAlignRotated(nn.Module):
    """See `roi_align_rotated`."""

    def __init__(
        self,
        output_size: int | tuple,
        spatial_scale: float,
        sampling_ratio: int = 0,
        aligned: bool = True,
        clockwise: bool = False,
    ) -> None:
        super().__init__()
        self.output_size: Any = _pair(output_size)
        self.spatial_scale = float(spatial_scale)
        self.sampling_ratio = int(sampling_ratio)
        self.aligned = aligned
        self.clockwise = clockwise

    def forward(self, input: torch.Tensor, rois: torch.Tensor) -> torch.Tensor:
        return roi_align_rotated(
            input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned, self.clockwise
        )

    def extra_repr(self) -> str:
        return (
            f'output_size={self.output_size}, spatial_scale={self.spatial_scale}, '
            f'sampling_ratio={self.sampling_ratio}, aligned={self.aligned}, clockwise={self.clockwise}'
        )
