import torch
from torch import nn


class Scale(nn.Module):
    """Multiply by one learnable number, `self.scale` of shape `()`."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale, dtype=torch.float))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale


class LayerScale(nn.Module):
    """Multiply each channel by a learnable number (CaiT, arXiv:2103.17239, section 2).

    Args:
        data_format: `'channels_last'` for `(..., C)`, `'channels_first'` for `(N, C, ...)`.
    """

    def __init__(
        self, dim: int, inplace: bool = False, data_format: str = 'channels_last', scale: float = 1e-5
    ) -> None:
        super().__init__()
        if data_format not in ('channels_last', 'channels_first'):
            raise ValueError(f"data_format should be 'channels_last' or 'channels_first', but got {data_format!r}")
        self.inplace = inplace
        self.data_format = data_format
        self.weight = nn.Parameter(torch.ones(dim) * scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight: torch.Tensor = self.weight
        if self.data_format == 'channels_first':
            weight = weight.view(-1, *([1] * (x.dim() - 2)))
        return x.mul_(weight) if self.inplace else x * weight
