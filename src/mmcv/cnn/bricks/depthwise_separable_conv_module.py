from typing import Any

import torch
from torch import nn

from mmcv.cnn.bricks.conv_module import ConvModule

_Size = int | tuple[int, int]


class DepthwiseSeparableConvModule(nn.Module):
    """Depthwise convolution, then a pointwise one (MobileNet, arXiv:1704.04861).

    Both are `ConvModule`s: `self.depthwise_conv` and `self.pointwise_conv`.

    Args:
        norm_cfg, act_cfg: of both.
        dw_norm_cfg, dw_act_cfg: of the depthwise part; `'default'` is that of both.
        pw_norm_cfg, pw_act_cfg: of the pointwise part.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Size,
        stride: _Size = 1,
        padding: _Size = 0,
        dilation: _Size = 1,
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = {'type': 'ReLU'},
        dw_norm_cfg: dict[str, Any] | str | None = 'default',
        dw_act_cfg: dict[str, Any] | str | None = 'default',
        pw_norm_cfg: dict[str, Any] | str | None = 'default',
        pw_act_cfg: dict[str, Any] | str | None = 'default',
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if 'groups' in kwargs:
            raise ValueError('groups cannot be given: the depthwise part has as many as input channels')

        def choose(cfg: Any, default: Any) -> Any:
            return default if isinstance(cfg, str) and cfg == 'default' else cfg

        self.depthwise_conv = ConvModule(
            in_channels,
            in_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=in_channels,
            norm_cfg=choose(dw_norm_cfg, norm_cfg),
            act_cfg=choose(dw_act_cfg, act_cfg),
            **kwargs,
        )
        self.pointwise_conv = ConvModule(
            in_channels,
            out_channels,
            1,
            norm_cfg=choose(pw_norm_cfg, norm_cfg),
            act_cfg=choose(pw_act_cfg, act_cfg),
            **kwargs,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pointwise_conv(self.depthwise_conv(x))
