"""Squeeze-and-excitation."""

from typing import Any

from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmseg.models.utils.make_divisible import make_divisible


class SELayer(nn.Module):
    """Scale channels by a gate computed from their means (Hu et al., Squeeze-and-Excitation Networks).

    Args:
        ratio: The hidden layer has `make_divisible(channels // ratio, 8)` channels.
        act_cfg: Activations of the two layers; one dict stands for both.
    """

    def __init__(
        self,
        channels: int,
        ratio: int = 16,
        conv_cfg: dict | None = None,
        act_cfg: Any = ({'type': 'ReLU'}, {'type': 'HSigmoid', 'bias': 3.0, 'divisor': 6.0}),
    ) -> None:
        super().__init__()
        first, second = (act_cfg, act_cfg) if isinstance(act_cfg, dict) else act_cfg
        hidden = make_divisible(channels // ratio, 8)
        self.global_avgpool = nn.AdaptiveAvgPool2d(1)
        self.conv1 = ConvModule(channels, hidden, kernel_size=1, conv_cfg=conv_cfg, act_cfg=first)
        self.conv2 = ConvModule(hidden, channels, kernel_size=1, conv_cfg=conv_cfg, act_cfg=second)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.conv2(self.conv1(self.global_avgpool(x)))
