"""ResNeSt."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import build_conv_layer, build_norm_layer
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.resnet import Bottleneck as _Bottleneck
from mmseg.models.backbones.resnet import ResNetV1d
from mmseg.models.backbones.resnext import grouped_width
from mmseg.models.utils import ResLayer
from mmseg.registry import MODELS


class RSoftmax(nn.Module):
    """Softmax over the `radix` splits of each group; a sigmoid if there is one split.

    Takes `(N, groups * radix * C, 1, 1)`, group by group, and gives `(N, radix * groups * C)`, split by split.
    """

    def __init__(self, radix: int, groups: int) -> None:
        super().__init__()
        self.radix = radix
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        if self.radix == 1:
            return x.sigmoid()
        return x.view(len(x), self.groups, self.radix, -1).transpose(1, 2).softmax(dim=1).reshape(len(x), -1)


class SplitAttentionConv2d(nn.Module):
    """Split attention (section 3.1): `radix` convolutions, weighted per channel by what all of them see.

    Args:
        radix: Number of splits.
        reduction_factor: The hidden layer of the attention has `channels * radix / reduction_factor` channels, at
            least 32.
        dcn: Config of a deformable convolution.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        radix: int = 2,
        reduction_factor: int = 4,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        dcn: dict | None = None,
    ) -> None:
        super().__init__()
        self.radix = radix
        self.groups = groups
        self.channels = channels
        self.with_dcn = dcn is not None
        self.dcn = dcn
        if dcn is not None:
            if conv_cfg is not None:
                raise ConfigError(f'Give conv_cfg ({conv_cfg}) or dcn ({dcn}), not both.')
            if not dcn.get('fallback_on_stride', False):
                conv_cfg = {key: value for key, value in dcn.items() if key != 'fallback_on_stride'}
        hidden = max(in_channels * radix // reduction_factor, 32)
        self.conv = build_conv_layer(
            conv_cfg,
            in_channels,
            channels * radix,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups * radix,
            bias=False,
        )
        self.norm0_name, norm0 = build_norm_layer(norm_cfg, channels * radix, postfix=0)
        self.norm1_name, norm1 = build_norm_layer(norm_cfg, hidden, postfix=1)
        self.add_module(self.norm0_name, norm0)
        self.relu = nn.ReLU(inplace=True)
        self.fc1 = build_conv_layer(None, channels, hidden, 1, groups=groups)
        self.add_module(self.norm1_name, norm1)
        self.fc2 = build_conv_layer(None, hidden, channels * radix, 1, groups=groups)
        self.rsoftmax = RSoftmax(radix, groups)

    @property
    def norm0(self) -> nn.Module:
        return getattr(self, self.norm0_name)

    @property
    def norm1(self) -> nn.Module:
        return getattr(self, self.norm1_name)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, in_channels, H, W)` to `(N, channels, h, w)`."""
        x = self.relu(self.norm0(self.conv(x)))
        splits = x.view(len(x), self.radix, -1, *x.shape[2:])
        pooled = F.adaptive_avg_pool2d(splits.sum(dim=1), 1)
        weights = self.rsoftmax(self.fc2(self.relu(self.norm1(self.fc1(pooled)))))
        return (weights.view(len(x), self.radix, -1, 1, 1) * splits).sum(dim=1)


class Bottleneck(_Bottleneck):
    """A bottleneck with split attention instead of the 3x3 convolution.

    Args:
        groups, base_width, base_channels: See `ResNeXt`.
        radix, reduction_factor: See `SplitAttentionConv2d`.
        avg_down_stride: Average pooling has the stride, not the convolution.
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        groups: int = 1,
        base_width: int = 4,
        base_channels: int = 64,
        radix: int = 2,
        reduction_factor: int = 4,
        avg_down_stride: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(inplanes, planes, **kwargs)
        width = grouped_width(planes, groups, base_width, base_channels)
        self.avg_down_stride = avg_down_stride and self.conv2_stride > 1
        # In place of those of the base class, whose names and order they keep
        self.conv1 = build_conv_layer(self.conv_cfg, inplanes, width, 1, stride=self.conv1_stride, bias=False)
        self.add_module(self.norm1_name, build_norm_layer(self.norm_cfg, width, postfix=1)[1])
        self.conv2 = SplitAttentionConv2d(
            width,
            width,
            kernel_size=3,
            stride=1 if self.avg_down_stride else self.conv2_stride,
            padding=self.dilation,
            dilation=self.dilation,
            groups=groups,
            radix=radix,
            reduction_factor=reduction_factor,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            dcn=self.dcn,
        )
        delattr(self, self.norm2_name)
        if self.avg_down_stride:
            self.avd_layer = nn.AvgPool2d(3, self.conv2_stride, padding=1)
        self.conv3 = build_conv_layer(self.conv_cfg, width, planes * self.expansion, 1, bias=False)

    def _residual(self, x: Tensor) -> Tensor:
        out = self.relu(self.norm1(self.conv1(x)))
        out = self.forward_plugin(out, self.after_conv1_plugin_names)
        out = self.conv2(out)
        if self.avg_down_stride:
            out = self.avd_layer(out)
        out = self.forward_plugin(out, self.after_conv2_plugin_names)
        out = self.norm3(self.conv3(out))
        out = self.forward_plugin(out, self.after_conv3_plugin_names)
        return out + (x if self.downsample is None else self.downsample(x))


@MODELS.register_module()
class ResNeSt(ResNetV1d):
    """ResNeSt (Zhang et al., ResNeSt: Split-Attention Networks).

    Args:
        groups, base_width: See `ResNeXt`.
        radix, reduction_factor: See `SplitAttentionConv2d`.
        avg_down_stride: Average pooling has the stride of a bottleneck, not the convolution.
        kwargs: Of `ResNet`; `depth` is 50, 101, 152 or 200.
    """

    arch_settings = {
        50: (Bottleneck, (3, 4, 6, 3)),
        101: (Bottleneck, (3, 4, 23, 3)),
        152: (Bottleneck, (3, 8, 36, 3)),
        200: (Bottleneck, (3, 24, 36, 3)),
    }

    def __init__(
        self,
        groups: int = 1,
        base_width: int = 4,
        radix: int = 2,
        reduction_factor: int = 4,
        avg_down_stride: bool = True,
        **kwargs: Any,
    ) -> None:
        self.groups = groups
        self.base_width = base_width
        self.radix = radix
        self.reduction_factor = reduction_factor
        self.avg_down_stride = avg_down_stride
        super().__init__(**kwargs)

    def make_res_layer(self, **kwargs: Any) -> nn.Module:
        return ResLayer(
            groups=self.groups,
            base_width=self.base_width,
            base_channels=self.base_channels,
            radix=self.radix,
            reduction_factor=self.reduction_factor,
            avg_down_stride=self.avg_down_stride,
            **kwargs,
        )
