"""ResNeXt."""

from typing import Any

from torch import nn

from mmcv.cnn import build_conv_layer, build_norm_layer
from mmseg.models.backbones.resnet import Bottleneck as _Bottleneck
from mmseg.models.backbones.resnet import ResNet
from mmseg.models.utils import ResLayer
from mmseg.registry import MODELS


def grouped_width(planes: int, groups: int, base_width: int, base_channels: int) -> int:
    """Inner channels of a bottleneck of `groups` groups, `base_width` channels a group at `base_channels` planes."""
    return planes if groups == 1 else int(planes * (base_width / base_channels)) * groups


class Bottleneck(_Bottleneck):
    """A bottleneck whose 3x3 convolution has groups.

    Args:
        groups: Of the 3x3 convolution.
        base_width: Channels of a group, at `base_channels` planes.
    """

    def __init__(
        self,
        inplanes: int,
        planes: int,
        groups: int = 1,
        base_width: int = 4,
        base_channels: int = 64,
        **kwargs: Any,
    ) -> None:
        super().__init__(inplanes, planes, **kwargs)
        width = grouped_width(planes, groups, base_width, base_channels)
        conv2_cfg = self.conv_cfg
        if self.dcn is not None and not self.dcn.get('fallback_on_stride', False):
            conv2_cfg = {key: value for key, value in self.dcn.items() if key != 'fallback_on_stride'}
        # In place of those of the base class, whose names and order they keep
        self.conv1 = build_conv_layer(self.conv_cfg, inplanes, width, 1, stride=self.conv1_stride, bias=False)
        self.add_module(self.norm1_name, build_norm_layer(self.norm_cfg, width, postfix=1)[1])
        self.conv2 = build_conv_layer(
            conv2_cfg,
            width,
            width,
            kernel_size=3,
            stride=self.conv2_stride,
            padding=self.dilation,
            dilation=self.dilation,
            groups=groups,
            bias=False,
        )
        self.add_module(self.norm2_name, build_norm_layer(self.norm_cfg, width, postfix=2)[1])
        self.conv3 = build_conv_layer(self.conv_cfg, width, planes * self.expansion, 1, bias=False)


@MODELS.register_module()
class ResNeXt(ResNet):
    """ResNeXt (Xie et al., Aggregated Residual Transformations for Deep Neural Networks).

    Args:
        groups: Groups of the 3x3 convolutions.
        base_width: Channels of a group in the first stage.
        kwargs: Of `ResNet`; `depth` is 50, 101 or 152.
    """

    arch_settings = {
        50: (Bottleneck, (3, 4, 6, 3)),
        101: (Bottleneck, (3, 4, 23, 3)),
        152: (Bottleneck, (3, 8, 36, 3)),
    }

    def __init__(self, groups: int = 1, base_width: int = 4, **kwargs: Any) -> None:
        self.groups = groups
        self.base_width = base_width
        super().__init__(**kwargs)

    def make_res_layer(self, **kwargs: Any) -> nn.Module:
        return ResLayer(groups=self.groups, base_width=self.base_width, base_channels=self.base_channels, **kwargs)
