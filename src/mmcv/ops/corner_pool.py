"""Corner pooling (CornerNet, arXiv:1808.01244, section 3.3)."""

import torch
from torch import nn

# Mode to the dimension of `(N, C, H, W)` and whether the maximum runs from its end.
_RUNS = {'bottom': (2, False), 'left': (3, True), 'right': (3, False), 'top': (2, True)}


class CornerPool(nn.Module):
    """Each pixel becomes the maximum of itself and all that come before it in a direction: `(N, C, H, W)` as before.

    Args:
        mode: `top`: itself and all below, `left`: and all to the right; `bottom` and `right` the other way round.
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        if mode not in _RUNS:
            raise ValueError(f'mode should be one of {", ".join(_RUNS)}, but got {mode!r}')
        self.mode = mode

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        dim, backwards = _RUNS[self.mode]
        return x.flip(dim).cummax(dim)[0].flip(dim) if backwards else x.cummax(dim)[0]
