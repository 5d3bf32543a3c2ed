"""A pyramid from the maps of a plain transformer."""

from collections.abc import Sequence

from torch import Tensor, nn

from mmcv.cnn import build_norm_layer
from mmengine.utils.errors import ConfigError
from mmseg.registry import MODELS


@MODELS.register_module()
class Feature2Pyramid(nn.Module):
    """Scale each of several maps of one size by learned upsampling or by pooling (BEiT's code; as ViTDet's neck).

    Args:
        embed_dim: Channels of the maps.
        rescales: Factor of each map: 4, 2, 1, 0.5 or 0.25.
    """

    def __init__(
        self,
        embed_dim: int,
        rescales: Sequence[float] = [4, 2, 1, 0.5],
        norm_cfg: dict = {'type': 'SyncBN', 'requires_grad': True},
    ) -> None:
        super().__init__()
        self.rescales = rescales
        for factor in rescales:
            if factor == 4:
                self.upsample_4x = nn.Sequential(
                    nn.ConvTranspose2d(embed_dim, embed_dim, kernel_size=2, stride=2),
                    build_norm_layer(norm_cfg, embed_dim)[1],
                    nn.GELU(),
                    nn.ConvTranspose2d(embed_dim, embed_dim, kernel_size=2, stride=2),
                )
            elif factor == 2:
                self.upsample_2x = nn.Sequential(nn.ConvTranspose2d(embed_dim, embed_dim, kernel_size=2, stride=2))
            elif factor == 1:
                self.identity = nn.Identity()
            elif factor == 0.5:
                self.downsample_2x = nn.MaxPool2d(kernel_size=2, stride=2)
            elif factor == 0.25:
                self.downsample_4x = nn.MaxPool2d(kernel_size=4, stride=4)
            else:
                raise ConfigError(f'rescales should be of 4, 2, 1, 0.5 and 0.25, but are {list(rescales)}.')

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """One `(N, embed_dim, H, W)` for each of `rescales` to `(N, embed_dim, H*factor, W*factor)`."""
        if len(inputs) != len(self.rescales):
            raise ConfigError(f'Feature2Pyramid has {len(self.rescales)} rescales, but got {len(inputs)} inputs.')
        names = {4: 'upsample_4x', 2: 'upsample_2x', 1: 'identity', 0.5: 'downsample_2x', 0.25: 'downsample_4x'}
        return tuple(getattr(self, names[factor])(x) for factor, x in zip(self.rescales, inputs, strict=True))
