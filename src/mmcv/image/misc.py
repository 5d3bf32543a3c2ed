"""From tensors back to images."""

from __future__ import annotations

import numpy as np
import torch

from mmcv.image.photometric import imdenormalize


def tensor2imgs(
    tensor: torch.Tensor, mean: tuple | None = None, std: tuple | None = None, to_rgb: bool = True
) -> list[np.ndarray]:
    """Undo a normalisation and give one contiguous uint8 `(H, W, C)` image a sample.

    `tensor` is `(N, C, H, W)` with C 1 or 3. `to_rgb` says that the normalisation had turned BGR to RGB.
    """
    if not isinstance(tensor, torch.Tensor) or tensor.ndim != 4:
        raise TypeError('tensor2imgs takes a tensor of shape (N, C, H, W)')
    channels = tensor.size(1)
    if channels not in (1, 3) or (channels == 1 and to_rgb):
        raise ValueError(f'tensor2imgs takes 3 channels, or 1 with to_rgb=False, but got {channels}, to_rgb={to_rgb}')
    mean_array = np.array((0,) * channels if mean is None else mean)
    std_array = np.array((1,) * channels if std is None else std)
    if len(mean_array) != channels or len(std_array) != channels:
        raise ValueError(f'mean and std need {channels} values, but got {mean} and {std}')
    batch = tensor.detach().cpu().numpy().transpose(0, 2, 3, 1)
    return [
        np.ascontiguousarray(imdenormalize(img, mean_array, std_array, to_bgr=to_rgb).astype(np.uint8)) for img in batch
    ]
