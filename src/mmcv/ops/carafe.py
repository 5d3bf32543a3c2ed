"""CARAFE: upsampling by kernels that depend on the content (arXiv:1905.02188)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from mmengine.model import normal_init, xavier_init
from mmengine.registry import MODELS


def carafe(
    features: torch.Tensor, masks: torch.Tensor, kernel_size: int, group_size: int, scale_factor: int
) -> torch.Tensor:
    """Each output pixel is a weighted sum of the `kernel_size`² input pixels around where it comes from.

    Args:
        features: `(N, C, H, W)`.
        masks: the weights, `(N, group_size * kernel_size², scale_factor * H, scale_factor * W)`.
        group_size: groups of channels, each with weights of its own.

    Returns:
        `(N, C, scale_factor * H, scale_factor * W)`.
    """
    n, c, h, w = features.shape
    expected = (n, group_size * kernel_size**2, scale_factor * h, scale_factor * w)
    if masks.shape != expected or kernel_size % 2 == 0 or c % group_size:
        raise ValueError(
            f'for features {tuple(features.shape)} masks should be {expected}, kernel_size odd and group_size a '
            f'divisor of the channels, but got {tuple(masks.shape)}, {kernel_size} and {group_size}'
        )
    patches = F.unfold(features, kernel_size, padding=kernel_size // 2)
    patches = patches.view(n, group_size, c // group_size, kernel_size**2, h, w)
    weights = masks.view(n, group_size, kernel_size**2, h, scale_factor, w, scale_factor)
    return torch.einsum('ngckhw,ngkhywx->ngchywx', patches, weights).reshape(n, c, scale_factor * h, scale_factor * w)


class CARAFE(nn.Module):
    """See `carafe`."""

    def __init__(self, kernel_size: int, group_size: int, scale_factor: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.group_size = group_size
        self.scale_factor = scale_factor

    def forward(self, features: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        return carafe(features, masks, self.kernel_size, self.group_size, self.scale_factor)


@MODELS.register_module(name='carafe')
class CARAFEPack(nn.Module):
    """Predicts the kernels from the features and upsamples these.

    Args:
        channels: of the features.
        scale_factor: of height and width.
        up_kernel: side of the kernels.
        up_group: groups of channels with kernels of their own.
        encoder_kernel, encoder_dilation: of the convolution that predicts kernels.
        compressed_channels: that it sees.
    """

    def __init__(
        self,
        channels: int,
        scale_factor: int,
        up_kernel: int = 5,
        up_group: int = 1,
        encoder_kernel: int = 3,
        encoder_dilation: int = 1,
        compressed_channels: int = 64,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.scale_factor = scale_factor
        self.up_kernel = up_kernel
        self.up_group = up_group
        self.encoder_kernel = encoder_kernel
        self.encoder_dilation = encoder_dilation
        self.compressed_channels = compressed_channels
        self.channel_compressor = nn.Conv2d(channels, compressed_channels, 1)
        self.content_encoder = nn.Conv2d(
            compressed_channels,
            up_kernel**2 * up_group * scale_factor**2,
            encoder_kernel,
            padding=(encoder_kernel - 1) * encoder_dilation // 2,
            dilation=encoder_dilation,
        )
        self.init_weights()

    def init_weights(self) -> None:
        xavier_init(self.channel_compressor, distribution='uniform')
        normal_init(self.content_encoder, std=0.001)

    def kernel_normalizer(self, mask: torch.Tensor) -> torch.Tensor:
        """Predictions to kernels that sum up to 1, at the output size."""
        mask = F.pixel_shuffle(mask, self.scale_factor)
        n, _, h, w = mask.shape
        return mask.view(n, -1, self.up_kernel**2, h, w).softmax(2).view(n, -1, h, w)

    def feature_reassemble(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return carafe(x, mask, self.up_kernel, self.up_group, self.scale_factor)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = self.content_encoder(self.channel_compressor(x))
        return self.feature_reassemble(x, self.kernel_normalizer(mask))
