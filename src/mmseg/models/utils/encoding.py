"""The encoding layer of EncNet."""

import torch
from torch import Tensor, nn


class Encoding(nn.Module):
    """Residuals to learned codewords, softly assigned and summed over positions (Zhang et al., Deep TEN, section 3).

    Args:
        channels: Channels of the features and of each codeword.
    """

    def __init__(self, channels: int, num_codes: int) -> None:
        super().__init__()
        self.channels = channels
        self.num_codes = num_codes
        bound = (num_codes * channels) ** -0.5
        self.codewords = nn.Parameter(torch.empty(num_codes, channels).uniform_(-bound, bound))
        self.scale = nn.Parameter(torch.empty(num_codes).uniform_(-1, 0))

    @staticmethod
    def scaled_l2(x: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
        """Features `(N, L, C)`, codewords `(K, C)` and scales `(K,)` to scaled squared distances `(N, L, K)`."""
        with torch.autocast(x.device.type, enabled=False):
            dtype = torch.promote_types(x.dtype, torch.float32)
            x, codewords = x.to(dtype), codewords.to(dtype)
            # |x - c|^2 without a tensor of all differences, which would have N * L * K * C elements
            products = torch.matmul(x, codewords.T)
            squares = x.square().sum(dim=2, keepdim=True) + codewords.square().sum(dim=1)
            return scale * (squares - 2 * products)

    @staticmethod
    def aggregate(assignment_weights: Tensor, x: Tensor, codewords: Tensor) -> Tensor:
        """Weights `(N, L, K)`, features `(N, L, C)` and codewords `(K, C)` to sums of residuals `(N, K, C)`."""
        sums = torch.matmul(assignment_weights.transpose(1, 2), x)
        return sums - assignment_weights.sum(dim=1).unsqueeze(2) * codewords

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, num_codes, C)`."""
        flat = x.flatten(2).transpose(1, 2)
        weights = self.scaled_l2(flat, self.codewords, self.scale).softmax(dim=2)
        return self.aggregate(weights.to(flat.dtype), flat, self.codewords)

    def extra_repr(self) -> str:
        return f'channels={self.channels}, num_codes={self.num_codes}'
