"""U-Net (Ronneberger et al., U-Net: Convolutional Networks for Biomedical Image Segmentation)."""

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from mmcv.cnn import ConvModule, build_activation_layer, build_norm_layer
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError, DataError
from mmseg.models.backbones.resnet import pretrained_init
from mmseg.models.utils import UpConvBlock, Upsample
from mmseg.registry import MODELS


def _refuse(dcn: Any, plugins: Any) -> None:
    if dcn is not None or plugins is not None:
        raise ConfigError(f'UNet takes no dcn and no plugins, but got {dcn!r} and {plugins!r}.')


class _Checkpointed(nn.Module):
    """A module whose `layers` are recomputed in the backward pass if `with_cp`."""

    with_cp: bool

    def _run(self, layers: nn.Module, x: Tensor) -> Tensor:
        if self.with_cp and x.requires_grad:
            return checkpoint(layers, x, use_reentrant=False)
        return layers(x)


class BasicConvBlock(_Checkpointed):
    """3x3 convolutions, of which the first has the stride and the others the dilation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_convs: int = 2,
        stride: int = 1,
        dilation: int = 1,
        with_cp: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        dcn: dict | None = None,
        plugins: dict | None = None,
    ) -> None:
        super().__init__()
        _refuse(dcn, plugins)
        self.with_cp = with_cp
        self.convs = nn.Sequential(
            *[
                ConvModule(
                    out_channels if index else in_channels,
                    out_channels,
                    kernel_size=3,
                    stride=1 if index else stride,
                    dilation=dilation if index else 1,
                    padding=dilation if index else 1,
                    conv_cfg=conv_cfg,
                    norm_cfg=norm_cfg,
                    act_cfg=act_cfg,
                )
                for index in range(num_convs)
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        return self._run(self.convs, x)


@MODELS.register_module()
class DeconvModule(_Checkpointed):
    """Upsampling by a transposed convolution; `kernel_size - scale_factor` should be even and not negative."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        with_cp: bool = False,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        *,
        kernel_size: int = 4,
        scale_factor: int = 2,
    ) -> None:
        super().__init__()
        if kernel_size < scale_factor or (kernel_size - scale_factor) % 2:
            raise ConfigError(
                f'DeconvModule: kernel_size ({kernel_size}) - scale_factor ({scale_factor}) should be even and >= 0.'
            )
        self.with_cp = with_cp
        self.deconv_upsamping = nn.Sequential(
            nn.ConvTranspose2d(
                in_channels,
                out_channels,
                kernel_size=kernel_size,
                stride=scale_factor,
                padding=(kernel_size - scale_factor) // 2,
            ),
            build_norm_layer(norm_cfg, out_channels)[1],
            build_activation_layer(act_cfg),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self._run(self.deconv_upsamping, x)


@MODELS.register_module()
class InterpConv(_Checkpointed):
    """Upsampling by interpolation, with a convolution after it, or before it if `conv_first`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        with_cp: bool = False,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        *,
        conv_cfg: dict | None = None,
        conv_first: bool = False,
        kernel_size: int = 1,
        stride: int = 1,
        padding: int = 0,
        upsample_cfg: dict = {'scale_factor': 2, 'mode': 'bilinear', 'align_corners': False},
    ) -> None:
        super().__init__()
        self.with_cp = with_cp
        conv = ConvModule(
            in_channels,
            out_channels,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            conv_cfg=conv_cfg,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
        )
        upsample = Upsample(**upsample_cfg)
        self.interp_upsample = nn.Sequential(*((conv, upsample) if conv_first else (upsample, conv)))

    def forward(self, x: Tensor) -> Tensor:
        return self._run(self.interp_upsample, x)


@MODELS.register_module()
class UNet(BaseModule):
    """U-Net. The sides of an image should be multiples of the whole downsampling rate.

    Args:
        strides, enc_num_convs, enc_dilations: Of each stage of the encoder.
        dec_num_convs, dec_dilations: Of each stage of the decoder, the finest first.
        downsamples: Whether each stage after the first begins with max pooling (if its stride is 1).
        upsample_cfg: `InterpConv`, `DeconvModule` or another upsampling layer.
        norm_eval: BatchNorm stays in eval mode.
    """

    def __init__(
        self,
        in_channels: int = 3,
        base_channels: int = 64,
        num_stages: int = 5,
        strides: Sequence[int] = (1, 1, 1, 1, 1),
        enc_num_convs: Sequence[int] = (2, 2, 2, 2, 2),
        dec_num_convs: Sequence[int] = (2, 2, 2, 2),
        downsamples: Sequence[bool] = (True, True, True, True),
        enc_dilations: Sequence[int] = (1, 1, 1, 1, 1),
        dec_dilations: Sequence[int] = (1, 1, 1, 1),
        with_cp: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        upsample_cfg: dict = {'type': 'InterpConv'},
        norm_eval: bool = False,
        dcn: dict | None = None,
        plugins: dict | None = None,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        init_cfg = pretrained_init(pretrained, init_cfg)
        if init_cfg is None:
            init_cfg = [
                {'type': 'Kaiming', 'layer': 'Conv2d'},
                {'type': 'Constant', 'val': 1, 'layer': ['_BatchNorm', 'GroupNorm']},
            ]
        super().__init__(init_cfg)
        _refuse(dcn, plugins)
        self.pretrained = pretrained
        encoder = {'strides': strides, 'enc_num_convs': enc_num_convs, 'enc_dilations': enc_dilations}
        decoder = {'dec_num_convs': dec_num_convs, 'downsamples': downsamples, 'dec_dilations': dec_dilations}
        for number, arguments in (num_stages, encoder), (num_stages - 1, decoder):
            for name, values in arguments.items():
                if len(values) != number:
                    raise ConfigError(
                        f'UNet with num_stages={num_stages}: {name} should have {number} entries, but is {values}.'
                    )
        self.num_stages = num_stages
        self.strides = strides
        self.downsamples = downsamples
        self.norm_eval = norm_eval
        self.base_channels = base_channels
        shared: dict[str, Any] = {'with_cp': with_cp, 'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}

        self.encoder = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for stage in range(num_stages):
            width = base_channels * 2**stage
            layers: list[nn.Module] = []
            if stage > 0:
                if strides[stage] == 1 and downsamples[stage - 1]:
                    layers.append(nn.MaxPool2d(kernel_size=2))
                coarser = strides[stage] != 1 or downsamples[stage - 1]
                self.decoder.append(
                    UpConvBlock(
                        BasicConvBlock,
                        in_channels=width,
                        skip_channels=width // 2,
                        out_channels=width // 2,
                        num_convs=dec_num_convs[stage - 1],
                        dilation=dec_dilations[stage - 1],
                        upsample_cfg=upsample_cfg if coarser else None,
                        **shared,
                    )
                )
            layers.append(
                BasicConvBlock(
                    in_channels,
                    width,
                    num_convs=enc_num_convs[stage],
                    stride=strides[stage],
                    dilation=enc_dilations[stage],
                    **shared,
                )
            )
            self.encoder.append(nn.Sequential(*layers))
            in_channels = width

    def forward(self, x: Tensor) -> list[Tensor]:
        """`(N, C, H, W)` to the features of the decoder, from the coarsest to that of the size of the image."""
        self._check_input_divisible(x)
        skips = []
        for encode in self.encoder:
            x = encode(x)
            skips.append(x)
        outs = [x]
        for skip, decode in zip(skips[-2::-1], list(self.decoder)[::-1], strict=True):
            x = decode(skip, x)
            outs.append(x)
        return outs

    def train(self, mode: bool = True) -> 'UNet':
        super().train(mode)
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _check_input_divisible(self, x: Tensor) -> None:
        rate = prod(
            2 if pooled or stride == 2 else 1 for pooled, stride in zip(self.downsamples, self.strides[1:], strict=True)
        )
        height, width = x.shape[-2:]
        if height % rate or width % rate:
            raise DataError(
                f'UNet downsamples by {rate}, but an image is {height} x {width}. Set size_divisor={rate} in '
                'data_preprocessor (and in its test_cfg).'
            )
