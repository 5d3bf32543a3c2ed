"""Inverted residual blocks of MobileNet V2 and V3."""

from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmcv.cnn import ConvModule
from mmseg.models.utils.se_layer import SELayer


class InvertedResidual(nn.Module):
    """Expand, depthwise 3x3, project (Sandler et al., MobileNetV2, section 3.3)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        expand_ratio: float,
        dilation: int = 1,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU6'},
        with_cp: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f'stride of an InvertedResidual should be 1 or 2, but is {stride}.')
        self.stride = stride
        self.with_cp = with_cp
        self.use_res_connect = stride == 1 and in_channels == out_channels
        hidden = int(round(in_channels * expand_ratio))
        shared: dict[str, Any] = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, **kwargs)
        layers = []
        if expand_ratio != 1:
            layers.append(ConvModule(in_channels, hidden, 1, act_cfg=act_cfg, **shared))
        layers.append(
            ConvModule(
                hidden, hidden, 3, stride, padding=dilation, dilation=dilation, groups=hidden, act_cfg=act_cfg, **shared
            )
        )
        layers.append(ConvModule(hidden, out_channels, 1, act_cfg=None, **shared))
        self.conv = nn.Sequential(*layers)

    def _residual(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)

    def forward(self, x: Tensor) -> Tensor:
        if self.with_cp and x.requires_grad:
            return checkpoint(self._residual, x, use_reentrant=False)
        return self._residual(x)


class InvertedResidualV3(nn.Module):
    """The block of MobileNetV3: a free expansion width and an optional `SELayer` (arguments: `se_cfg`)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        mid_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        se_cfg: dict | None = None,
        with_expand_conv: bool = True,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f'stride of an InvertedResidualV3 should be 1 or 2, but is {stride}.')
        if not with_expand_conv and mid_channels != in_channels:
            raise ValueError(
                f'Without expand conv, mid_channels ({mid_channels}) should be in_channels ({in_channels}).'
            )
        self.with_res_shortcut = stride == 1 and in_channels == out_channels
        self.with_cp = with_cp
        self.with_se = se_cfg is not None
        self.with_expand_conv = with_expand_conv
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg}
        if with_expand_conv:
            self.expand_conv = ConvModule(in_channels, mid_channels, 1, act_cfg=act_cfg, **shared)
        depthwise_conv_cfg = (
            {'type': 'Conv2dAdaptivePadding'} if stride == 2 else conv_cfg
        )  # TensorFlow's padding, which the published weights were trained with
        self.depthwise_conv = ConvModule(
            mid_channels,
            mid_channels,
            kernel_size,
            stride,
            padding=kernel_size // 2,
            groups=mid_channels,
            conv_cfg=depthwise_conv_cfg,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
        )
        if se_cfg is not None:
            self.se = SELayer(**se_cfg)
        self.linear_conv = ConvModule(mid_channels, out_channels, 1, act_cfg=None, **shared)

    def _residual(self, x: Tensor) -> Tensor:
        out = self.expand_conv(x) if self.with_expand_conv else x
        out = self.depthwise_conv(out)
        if self.with_se:
            out = self.se(out)
        out = self.linear_conv(out)
        return x + out if self.with_res_shortcut else out

    def forward(self, x: Tensor) -> Tensor:
        if self.with_cp and x.requires_grad:
            return checkpoint(self._residual, x, use_reentrant=False)
        return self._residual(x)
