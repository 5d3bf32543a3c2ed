"""RoIAlign (Mask R-CNN, arXiv:1703.06870, section 3)."""

from typing import Any

import torch
from torch import nn
from torch.nn.modules.utils import _pair

_CHUNK = 2**24  # sampled values at a time


def _axis(
    start: torch.Tensor, extent: torch.Tensor, bins: int, samples: int, size: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Where `samples` points in each of `bins` bins of an interval fall on an axis of `size` pixels.

    Returns:
        Lower and upper pixel, the weight of the upper, and whether the point counts; each `(K, bins * samples)`.
    """
    at = (torch.arange(bins * samples, device=start.device, dtype=start.dtype) + 0.5) / samples
    position = start[:, None] + at * (extent / bins)[:, None]
    inside = (position >= -1) & (position <= size)
    position = position.clamp(0, size - 1)
    low = position.floor().long()
    return low, (low + 1).clamp(max=size - 1), position - low, inside


def roi_align(
    input: torch.Tensor,
    rois: torch.Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    pool_mode: str = 'avg',
    aligned: bool = True,
) -> torch.Tensor:
    """Pool boxes of a feature map to one size, by bilinear samples in each bin.

    Args:
        input: `(N, C, H, W)`.
        rois: `(K, 5)`: index in the batch, x1, y1, x2, y2.
        spatial_scale: from coordinates of the boxes to those of the feature map.
        sampling_ratio: samples a side in each bin; 0 takes as many as the bin is pixels wide (rounded up), for which
            the device is waited for, and leaves boxes without extent at 0.
        pool_mode: `avg` or `max` over the samples of a bin.
        aligned: pixels have their centre at half coordinates; False is the older convention, with boxes of at least
            one pixel.

    Returns:
        `(K, C, *output_size)`.
    """
    if rois.ndim != 2 or rois.shape[1] != 5:
        raise ValueError(f'rois should be (K, 5), but got {tuple(rois.shape)}')
    if pool_mode not in ('avg', 'max'):
        raise ValueError(f"pool_mode should be 'avg' or 'max', but got {pool_mode!r}")
    bins_h, bins_w = _pair(output_size)
    n, c, h, w = input.shape
    boxes = rois[:, 1:].to(input.dtype) * spatial_scale - (0.5 if aligned else 0.0)
    x1, y1 = boxes[:, 0], boxes[:, 1]
    width, height = boxes[:, 2] - x1, boxes[:, 3] - y1
    if not aligned:
        width, height = width.clamp(min=1), height.clamp(min=1)
    if sampling_ratio > 0:
        counts = [(sampling_ratio, sampling_ratio, torch.arange(len(rois), device=rois.device))]
    else:
        grid = torch.stack([(height / bins_h).ceil(), (width / bins_w).ceil()], 1).long().clamp(min=0)
        sizes, which = grid.unique(dim=0, return_inverse=True)
        counts = [(sy, sx, (which == i).nonzero()[:, 0]) for i, (sy, sx) in enumerate(sizes.tolist()) if sy and sx]

    pixels = input.permute(0, 2, 3, 1).reshape(-1, c)
    out = input.new_zeros(len(rois), c, bins_h, bins_w)
    parts = [
        (samples_h, samples_w, part)
        for samples_h, samples_w, chosen in counts
        for part in chosen.split(max(1, _CHUNK // (bins_h * samples_h * bins_w * samples_w * c)))
    ]
    for samples_h, samples_w, chosen in parts:
        first = rois[chosen, 0].long()[:, None, None] * (h * w)
        top, bottom, down, in_y = _axis(y1[chosen], height[chosen], bins_h, samples_h, h)
        left, right, across, in_x = _axis(x1[chosen], width[chosen], bins_w, samples_w, w)
        inside = (in_y[:, :, None] & in_x[:, None, :]).to(input.dtype)
        value = input.new_zeros(())
        for rows, weight_y in ((top, 1 - down), (bottom, down)):
            for columns, weight_x in ((left, 1 - across), (right, across)):
                index = first + rows[:, :, None] * w + columns[:, None, :]
                weight = weight_y[:, :, None] * weight_x[:, None, :] * inside
                value = value + pixels[index] * weight[..., None]
        value = value.view(len(chosen), bins_h, samples_h, bins_w, samples_w, c)
        value = value.permute(0, 5, 1, 3, 2, 4).flatten(4)
        pooled = value.mean(-1) if pool_mode == 'avg' else value.max(-1)[0]
        out = out.index_copy(0, chosen, pooled)
    return out


class RoIAlign(nn.Module):
    """See `roi_align`. `use_torchvision` is taken and makes no difference."""

    def __init__(
        self,
        output_size: int | tuple[int, int],
        spatial_scale: float = 1.0,
        sampling_ratio: int = 0,
        pool_mode: str = 'avg',
        aligned: bool = True,
        use_torchvision: bool = False,
    ) -> None:
        super().__init__()
        self.output_size: Any = _pair(output_size)
        self.spatial_scale = float(spatial_scale)
        self.sampling_ratio = int(sampling_ratio)
        self.pool_mode = pool_mode
        self.aligned = aligned
        self.use_torchvision = use_torchvision

    def forward(self, input: torch.Tensor, rois: torch.Tensor) -> torch.Tensor:
        return roi_align(
            input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.pool_mode, self.aligned
        )

    def extra_repr(self) -> str:
        return (
            f'output_size={self.output_size}, spatial_scale={self.spatial_scale}, '
            f'sampling_ratio={self.sampling_ratio}, pool_mode={self.pool_mode}, aligned={self.aligned}'
        )
