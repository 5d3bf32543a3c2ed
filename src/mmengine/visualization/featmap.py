"""Pictures of feature maps."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from .utils import convert_overlay_heatmap


def draw_featmap(
    featmap: torch.Tensor,
    overlaid_image: np.ndarray | None = None,
    channel_reduction: str | None = 'squeeze_mean',
    topk: int = 20,
    arrangement: tuple[int, int] = (4, 5),
    resize_shape: tuple | None = None,
    alpha: float = 0.5,
) -> np.ndarray:
    """A heat map RGB `(h, w, 3)` uint8 of a feature map `(C, H, W)`.

    Args:
        overlaid_image: RGB `(h, w, 3)` uint8 to lay it over; the map takes its size, or `resize_shape` if given.
        channel_reduction: `'squeeze_mean'` averages the channels, `'select_max'` takes the one with the largest sum;
            None shows the `topk` channels with the largest sums as tiles.
        topk: not above 0: the map has 1 or 3 channels, which are the picture.
        arrangement: rows and columns of the tiles.
        resize_shape: (h, w).
        alpha: weight of the heat map over the image.
    """
    if not isinstance(featmap, torch.Tensor) or featmap.ndim != 3:
        raise ValueError(f'featmap should be a tensor (C, H, W), but got {getattr(featmap, "shape", type(featmap))}')
    featmap = featmap.detach().float().cpu()
    if overlaid_image is not None:
        if overlaid_image.ndim == 2:
            overlaid_image = cv2.cvtColor(overlaid_image, cv2.COLOR_GRAY2RGB)
        if resize_shape is not None:
            overlaid_image = cv2.resize(overlaid_image, tuple(resize_shape)[::-1])
    size = resize_shape if overlaid_image is None else overlaid_image.shape[:2]
    if size is not None and tuple(size) != tuple(featmap.shape[1:]):
        featmap = F.interpolate(featmap[None], tuple(size), mode='bilinear', align_corners=False)[0]

    if channel_reduction == 'squeeze_mean':
        return convert_overlay_heatmap(featmap.mean(0), overlaid_image, alpha)
    if channel_reduction == 'select_max':
        return convert_overlay_heatmap(featmap[featmap.sum((1, 2)).argmax()], overlaid_image, alpha)
    if channel_reduction is not None:
        raise ValueError(
            f"channel_reduction should be 'squeeze_mean', 'select_max' or None, but got {channel_reduction!r}"
        )
    if topk <= 0:
        if len(featmap) not in (1, 3):
            raise ValueError(
                f'without channel_reduction and topk a feature map needs 1 or 3 channels, but it has {len(featmap)}'
            )
        return convert_overlay_heatmap(featmap, overlaid_image, alpha)
    rows, columns = arrangement
    if rows * columns < topk:
        raise ValueError(f'arrangement {rows} x {columns} has no room for the topk={topk} channels')
    channels = featmap.sum((1, 2)).topk(min(topk, len(featmap))).indices.tolist()
    height, width = featmap.shape[1:]
    tiles = np.full((rows, columns, height, width, 3), 255, np.uint8)
    for place, channel in enumerate(channels):
        tiles[divmod(place, columns)] = convert_overlay_heatmap(featmap[channel], overlaid_image, alpha)
    return np.ascontiguousarray(tiles.transpose(0, 2, 1, 3, 4)).reshape(rows * height, columns * width, 3)


__all__ = ['draw_featmap']
