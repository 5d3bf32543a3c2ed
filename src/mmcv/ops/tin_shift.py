"""Shifts in time (temporal interlacing, arXiv:2001.06499)."""

import torch
from torch import nn


def tin_shift(input: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Move groups of channels along the time axis; what moves in from outside is 0.

    Args:
        input: `(N, T, C, H * W)`.
        shift: `(N, G)` whole frames, positive towards later ones; G divides C.
    """
    n, frames, channels = input.shape[:3]
    groups = shift.shape[1]
    if channels % groups or shift.shape[0] != n:
        raise ValueError(f'shift should be ({n}, divisor of {channels}) for such input, but got {tuple(shift.shape)}')
    source = torch.arange(frames, device=input.device)[None, :, None] - shift[:, None, :].long()
    source = source.repeat_interleave(channels // groups, 2)
    inside = (source >= 0) & (source < frames)
    index = source.clamp(0, frames - 1)[..., None].expand_as(input)
    return input.gather(1, index) * inside[..., None]


class TINShift(nn.Module):
    """See `tin_shift`."""

    def forward(self, input: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        return tin_shift(input, shift)
