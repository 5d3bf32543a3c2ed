"""ERFNet (Romera et al., ERFNet: Efficient Residual Factorized ConvNet for Real-time Semantic Segmentation)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import build_activation_layer, build_conv_layer, build_norm_layer
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.utils import resize
from mmseg.registry import MODELS

_NORM = {'type': 'BN', 'eps': 1e-3}


class DownsamplerBlock(BaseModule):
    """A convolution of stride 2 and a pooling of the input, concatenated (figure 2 of ENet)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        conv_cfg: dict | None = None,
        norm_cfg: dict = _NORM,
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.conv = build_conv_layer(
            conv_cfg, in_channels, out_channels - in_channels, kernel_size=3, stride=2, padding=1
        )
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.bn = build_norm_layer(norm_cfg, out_channels)[1]
        self.act = build_activation_layer(act_cfg)

    def forward(self, input: Tensor) -> Tensor:
        conv = self.conv(input)
        # Odd sides are rounded up by the convolution and down by the pooling.
        pool = resize(self.pool(input), size=conv.shape[2:], mode='bilinear', align_corners=False)
        return self.act(self.bn(torch.cat([conv, pool], dim=1)))


class NonBottleneck1d(BaseModule):
    """A residual block of factorised convolutions, 3x1 and 1x3 (figure 1c).

    Args:
        drop_rate: Of the dropout before the sum.
        dilation: Of all pairs of convolutions but the first.
        num_conv_layer: Number of pairs.
    """

    def __init__(
        self,
        channels: int,
        drop_rate: float = 0,
        dilation: int = 1,
        num_conv_layer: int = 2,
        conv_cfg: dict | None = None,
        norm_cfg: dict = _NORM,
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.act = build_activation_layer(act_cfg)
        layers: list[nn.Module] = []
        for index in range(num_conv_layer):
            rate = dilation if index else 1
            column: dict[str, Any] = {'kernel_size': (3, 1), 'padding': (rate, 0), 'dilation': (rate, 1)}
            row: dict[str, Any] = {'kernel_size': (1, 3), 'padding': (0, rate), 'dilation': (1, rate)}
            layers += [
                build_conv_layer(conv_cfg, channels, channels, bias=True, **column),
                self.act,
                build_conv_layer(conv_cfg, channels, channels, bias=True, **row),
                build_norm_layer(norm_cfg, channels)[1],
                nn.Dropout(drop_rate) if index else self.act,
            ]
        self.convs_layers = nn.ModuleList(layers)

    def forward(self, input: Tensor) -> Tensor:
        x = input
        for layer in self.convs_layers:
            x = layer(x)
        return self.act(x + input)


class UpsamplerBlock(BaseModule):
    """A transposed convolution of stride 2."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        conv_cfg: dict | None = None,
        norm_cfg: dict = _NORM,
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.conv = nn.ConvTranspose2d(
            in_channels, out_channels, kernel_size=3, stride=2, padding=1, output_padding=1, bias=True
        )
        self.bn = build_norm_layer(norm_cfg, out_channels)[1]
        self.act = build_activation_layer(act_cfg)

    def forward(self, input: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(input)))


@MODELS.register_module()
class ERFNet(BaseModule):
    """An encoder down to 1/8 of the input and a decoder up to 1/2, whose output is returned.

    Args:
        enc_downsample_channels: Of the three downsamplers.
        enc_stage_non_bottlenecks: Residual blocks after the second and the third of them.
        enc_non_bottleneck_dilations: Of the blocks after the third, again and again.
        enc_non_bottleneck_channels: Of the blocks after the second and the third downsampler.
        dec_upsample_channels: Of the upsamplers.
        dec_stages_non_bottleneck, dec_non_bottleneck_channels: Number and channels of the blocks after each of them.
        dropout_ratio: In the blocks of the encoder.
        norm_cfg: An `eps` that it does not say is 1e-3.
    """

    def __init__(
        self,
        in_channels: int = 3,
        enc_downsample_channels: Sequence[int] = (16, 64, 128),
        enc_stage_non_bottlenecks: Sequence[int] = (5, 8),
        enc_non_bottleneck_dilations: Sequence[int] = (2, 4, 8, 16),
        enc_non_bottleneck_channels: Sequence[int] = (64, 128),
        dec_upsample_channels: Sequence[int] = (64, 16),
        dec_stages_non_bottleneck: Sequence[int] = (2, 2),
        dec_non_bottleneck_channels: Sequence[int] = (64, 16),
        dropout_ratio: float = 0.1,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN', 'requires_grad': True},
        act_cfg: dict = {'type': 'ReLU'},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        stages = len(enc_downsample_channels) - 1
        lengths = {
            'enc_stage_non_bottlenecks': (enc_stage_non_bottlenecks, stages),
            'enc_non_bottleneck_channels': (enc_non_bottleneck_channels, stages),
            'dec_stages_non_bottleneck': (dec_stages_non_bottleneck, len(dec_upsample_channels)),
            'dec_non_bottleneck_channels': (dec_non_bottleneck_channels, len(dec_upsample_channels)),
        }
        for name, (values, length) in lengths.items():
            if len(values) != length:
                raise ConfigError(f'{name} of ERFNet should have {length} entries, but is {values!r}.')
        if enc_stage_non_bottlenecks[-1] % len(enc_non_bottleneck_dilations):
            raise ConfigError(
                f'The last of enc_stage_non_bottlenecks, {enc_stage_non_bottlenecks[-1]}, should be a multiple of the '
                f'number of enc_non_bottleneck_dilations, {len(enc_non_bottleneck_dilations)}.'
            )
        shared: dict[str, Any] = {
            'conv_cfg': conv_cfg,
            'norm_cfg': {'eps': 1e-3, **norm_cfg},
            'act_cfg': act_cfg,
        }
        encoder: list[nn.Module] = [DownsamplerBlock(in_channels, enc_downsample_channels[0], **shared)]
        for index, channels in enumerate(enc_downsample_channels[1:]):
            encoder.append(DownsamplerBlock(enc_downsample_channels[index], channels, **shared))
            number = enc_stage_non_bottlenecks[index]
            dilations = [1] * number
            if index == stages - 1:
                dilations = list(enc_non_bottleneck_dilations) * (number // len(enc_non_bottleneck_dilations))
            encoder += [NonBottleneck1d(channels, dropout_ratio, dilation, **shared) for dilation in dilations]
        self.encoder = nn.ModuleList(encoder)

        decoder: list[nn.Module] = []
        before = enc_downsample_channels[-1]
        for channels, number in zip(dec_non_bottleneck_channels, dec_stages_non_bottleneck, strict=True):
            decoder.append(UpsamplerBlock(before, channels, **shared))
            decoder += [NonBottleneck1d(channels, **shared) for _ in range(number)]
            before = channels
        self.decoder = nn.ModuleList(decoder)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        for layer in self.encoder:
            x = layer(x)
        for layer in self.decoder:
            x = layer(x)
        return (x,)
