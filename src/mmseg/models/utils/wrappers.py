"""Interpolation."""

import warnings
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


def resize(
    input: Tensor,
    size: Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = 'nearest',
    align_corners: bool | None = None,
    warning: bool = True,
) -> Tensor:
    """`torch.nn.functional.interpolate` that warns where `align_corners` cannot align.

    With `align_corners=True` the grids of input and output coincide only if `(out - 1) % (in - 1) == 0`.
    """
    if warning and align_corners and size is not None:
        pairs = list(zip(input.shape[2:], size, strict=True))
        enlarged = any(out > src for src, out in pairs)
        misaligned = all(src > 1 and out > 1 and (out - 1) % (src - 1) for src, out in pairs)
        if enlarged and misaligned:
            warnings.warn(
                f'Resizing {tuple(input.shape[2:])} to {tuple(size)} with align_corners=True does not align the '
                'grids: each output side should be a multiple of the input side, plus 1 (input n+1, output kn+1).',
                stacklevel=2,
            )
    shape = None if size is None else [int(side) for side in size]
    return F.interpolate(input, shape, scale_factor, mode, align_corners)


class Upsample(nn.Module):
    """`resize` as a module; with `scale_factor` the output side is `int(side * scale_factor)`."""

    def __init__(
        self,
        size: Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = 'nearest',
        align_corners: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        if isinstance(scale_factor, tuple | list):
            self.scale_factor: float | tuple[float, ...] | None = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None  # type: ignore[arg-type]
        self.mode = mode
        self.align_corners = align_corners

    def forward(self, x: Tensor) -> Tensor:
        size = self.size
        if not size:
            factors = self.scale_factor if isinstance(self.scale_factor, tuple) else (self.scale_factor,) * 2
            size = [int(side * factor) for side, factor in zip(x.shape[-2:], factors, strict=True) if factor]
        return resize(x, size, None, self.mode, self.align_corners)
