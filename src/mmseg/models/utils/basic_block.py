"""Residual blocks of DDRNet and PIDNet."""

from typing import Any

from torch import Tensor, nn

from mmcv.cnn import ConvModule, build_activation_layer
from mmengine.model import BaseModule
from mmseg.utils.typing_utils import OptConfigType


class BasicBlock(BaseModule):
    """Two 3x3 convolutions.

    Args:
        act_cfg_out: Activation of the sum; None: none, where another module activates it.
    """

    expansion = 1

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        norm_cfg: OptConfigType = {'type': 'BN'},
        act_cfg: OptConfigType = {'type': 'ReLU', 'inplace': True},
        act_cfg_out: OptConfigType = {'type': 'ReLU', 'inplace': True},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.conv1 = ConvModule(in_channels, channels, 3, stride, padding=1, norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.conv2 = ConvModule(channels, channels, 3, padding=1, norm_cfg=norm_cfg, act_cfg=None)
        self.downsample = downsample
        self.act = build_activation_layer(act_cfg_out) if act_cfg_out else None

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.conv1(x))
        out = out + (x if self.downsample is None else self.downsample(x))
        return out if self.act is None else self.act(out)


class Bottleneck(BaseModule):
    """1x1, 3x3 and 1x1 convolutions, to twice the channels.

    Args:
        act_cfg_out: Activation of the sum; None: none, where another module activates it.
    """

    expansion = 2

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        norm_cfg: OptConfigType = {'type': 'BN'},
        act_cfg: OptConfigType = {'type': 'ReLU', 'inplace': True},
        act_cfg_out: OptConfigType = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        shared: dict[str, Any] = {'norm_cfg': norm_cfg}
        self.conv1 = ConvModule(in_channels, channels, 1, act_cfg=act_cfg, **shared)
        self.conv2 = ConvModule(channels, channels, 3, stride, padding=1, act_cfg=act_cfg, **shared)
        self.conv3 = ConvModule(channels, channels * self.expansion, 1, act_cfg=None, **shared)
        self.downsample = downsample
        self.act = build_activation_layer(act_cfg_out) if act_cfg_out else None

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv3(self.conv2(self.conv1(x)))
        out = out + (x if self.downsample is None else self.downsample(x))
        return out if self.act is None else self.act(out)
