"""Sine and cosine encodings of positions."""

import math
from typing import Any

import torch
from torch import Tensor

from mmengine.model import BaseModule


class SinePositionalEncoding(BaseModule):
    """Encodes row and column by sines and cosines of rising wavelength (Vaswani et al., section 3.5; DETR, A.4).

    Args:
        num_feats: channels for each of y and x.
        temperature: the ratio of the longest wavelength to the shortest.
        normalize: count positions from 0 to `scale` rather than in pixels.
        offset: added to positions before they are normalised.
    """

    def __init__(
        self,
        num_feats: int,
        temperature: int = 10000,
        normalize: bool = False,
        scale: float = 2 * math.pi,
        eps: float = 1e-6,
        offset: float = 0.0,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_feats = num_feats
        self.temperature = temperature
        self.normalize = normalize
        self.scale = scale
        self.eps = eps
        self.offset = offset

    def forward(self, mask: Tensor) -> Tensor:
        """`mask (N, H, W)`, true for padding, to `(N, 2 * num_feats, H, W)`, y before x, float32."""
        real = (~mask.bool()).float()
        index = torch.arange(self.num_feats, dtype=torch.float32, device=mask.device)
        wavelengths = self.temperature ** (2 * (index // 2) / self.num_feats)
        encodings = []
        for axis in (1, 2):
            position = real.cumsum(axis)
            if self.normalize:
                last = position.narrow(axis, position.shape[axis] - 1, 1)
                position = (position + self.offset) / (last + self.eps) * self.scale
            angles = position[..., None] / wavelengths
            encodings.append(torch.stack([angles[..., 0::2].sin(), angles[..., 1::2].cos()], dim=4).flatten(3))
        return torch.cat(encodings, dim=3).permute(0, 3, 1, 2)
