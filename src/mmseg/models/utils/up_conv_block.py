"""The decoder step of U-Net."""

from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule, build_upsample_layer
from mmseg.registry import MODELS


class UpConvBlock(nn.Module):
    """Upsample `x`, concatenate it to the skip feature, convolve.

    Args:
        conv_block: Class of the convolution block.
        upsample_cfg: The upsampling; None where the encoder did not downsample: then a 1x1 convolution.
    """

    def __init__(
        self,
        conv_block: Any,
        in_channels: int,
        skip_channels: int,
        out_channels: int,
        num_convs: int = 2,
        stride: int = 1,
        dilation: int = 1,
        with_cp: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        upsample_cfg: dict | None = {'type': 'InterpConv'},
        dcn: dict | None = None,
        plugins: dict | None = None,
    ) -> None:
        super().__init__()
        if dcn is not None or plugins is not None:
            raise NotImplementedError(f'UpConvBlock takes no dcn and no plugins, but got {dcn!r} and {plugins!r}.')
        shared: dict[str, Any] = {'with_cp': with_cp, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.conv_block = conv_block(
            in_channels=2 * skip_channels,
            out_channels=out_channels,
            num_convs=num_convs,
            stride=stride,
            dilation=dilation,
            conv_cfg=conv_cfg,
            dcn=None,
            plugins=None,
            **shared,
        )
        if upsample_cfg is not None:
            # Looked up here, since the layers of this package are not known to the registry that mmcv builds from.
            known = MODELS.get(upsample_cfg['type']) if isinstance(upsample_cfg['type'], str) else None
            self.upsample = build_upsample_layer(
                {**upsample_cfg, 'type': known or upsample_cfg['type']},
                in_channels=in_channels,
                out_channels=skip_channels,
                **shared,
            )
        else:
            self.upsample = ConvModule(
                in_channels, skip_channels, kernel_size=1, conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg
            )

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        return self.conv_block(torch.cat([skip, self.upsample(x)], dim=1))
