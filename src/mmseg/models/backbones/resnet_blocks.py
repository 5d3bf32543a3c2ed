"""Residual blocks of ResNet."""

from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmcv.cnn import build_conv_layer, build_norm_layer, build_plugin_layer
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError

_POSITIONS = ('after_conv1', 'after_conv2', 'after_conv3')


class BasicBlock(BaseModule):
    """Two 3x3 convolutions (ResNet-18 and -34)."""

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        dilation: int = 1,
        downsample: nn.Module | None = None,
        style: str = 'pytorch',
        with_cp: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        dcn: dict | None = None,
        plugins: list[dict] | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        if dcn is not None or plugins is not None:
            raise ConfigError('BasicBlock (ResNet of depth 18 and 34) takes no dcn and no plugins.')
        self.norm1_name, norm1 = build_norm_layer(norm_cfg, planes, postfix=1)
        self.norm2_name, norm2 = build_norm_layer(norm_cfg, planes, postfix=2)
        self.conv1 = build_conv_layer(
            conv_cfg, inplanes, planes, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
        )
        self.add_module(self.norm1_name, norm1)
        self.conv2 = build_conv_layer(conv_cfg, planes, planes, 3, padding=1, bias=False)
        self.add_module(self.norm2_name, norm2)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride
        self.dilation = dilation
        self.with_cp = with_cp

    @property
    def norm1(self) -> nn.Module:
        return getattr(self, self.norm1_name)

    @property
    def norm2(self) -> nn.Module:
        return getattr(self, self.norm2_name)

    def _residual(self, x: Tensor) -> Tensor:
        out = self.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        return out + (x if self.downsample is None else self.downsample(x))

    def forward(self, x: Tensor) -> Tensor:
        if self.with_cp and x.requires_grad:
            return self.relu(checkpoint(self._residual, x, use_reentrant=False))
        return self.relu(self._residual(x))


class Bottleneck(BaseModule):
    """1x1, 3x3 and 1x1 convolutions (ResNet-50 and deeper).

    Args:
        style: Which convolution has the stride: the 3x3 (`'pytorch'`) or the first 1x1 (`'caffe'`).
        dcn: Config of a deformable convolution instead of the 3x3.
        plugins: dicts `cfg`, of the plugin layer, and `position`: `'after_conv1'` to `'after_conv3'`.
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        dilation: int = 1,
        downsample: nn.Module | None = None,
        style: str = 'pytorch',
        with_cp: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        dcn: dict | None = None,
        plugins: list[dict] | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        if style not in ('pytorch', 'caffe'):
            raise ConfigError(f"style should be 'pytorch' or 'caffe', but is {style!r}.")
        self.inplanes = inplanes
        self.planes = planes
        self.stride = stride
        self.dilation = dilation
        self.style = style
        self.with_cp = with_cp
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.dcn = dcn
        self.with_dcn = dcn is not None
        self.plugins = plugins
        self.with_plugins = plugins is not None
        self.conv1_stride, self.conv2_stride = (1, stride) if style == 'pytorch' else (stride, 1)

        width = planes * self.expansion
        self.norm1_name, norm1 = build_norm_layer(norm_cfg, planes, postfix=1)
        self.norm2_name, norm2 = build_norm_layer(norm_cfg, planes, postfix=2)
        self.norm3_name, norm3 = build_norm_layer(norm_cfg, width, postfix=3)
        self.conv1 = build_conv_layer(conv_cfg, inplanes, planes, kernel_size=1, stride=self.conv1_stride, bias=False)
        self.add_module(self.norm1_name, norm1)
        conv2_cfg = conv_cfg
        if dcn is not None:
            conv2_cfg = {key: value for key, value in dcn.items() if key != 'fallback_on_stride'}
            if dcn.get('fallback_on_stride', False):
                conv2_cfg = conv_cfg
        self.conv2 = build_conv_layer(
            conv2_cfg,
            planes,
            planes,
            kernel_size=3,
            stride=self.conv2_stride,
            padding=dilation,
            dilation=dilation,
            bias=False,
        )
        self.add_module(self.norm2_name, norm2)
        self.conv3 = build_conv_layer(conv_cfg, planes, width, kernel_size=1, bias=False)
        self.add_module(self.norm3_name, norm3)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

        names: list[list[str]] = []
        for position, channels in zip(_POSITIONS, (planes, planes, width), strict=True):
            cfgs = [plugin['cfg'] for plugin in plugins or () if plugin.get('position') == position]
            names.append(self.make_block_plugins(channels, cfgs))
        self.after_conv1_plugin_names, self.after_conv2_plugin_names, self.after_conv3_plugin_names = names

    def make_block_plugins(self, in_channels: int, plugins: list[dict]) -> list[str]:
        """Add plugin layers and return their names."""
        names = []
        for plugin in plugins:
            cfg = dict(plugin)
            name, layer = build_plugin_layer(cfg, in_channels=in_channels, postfix=cfg.pop('postfix', ''))
            if hasattr(self, name):
                raise ConfigError(f'A plugin {name!r} stands twice at one block; give one of them a `postfix`.')
            self.add_module(name, layer)
            names.append(name)
        return names

    def forward_plugin(self, x: Tensor, plugin_names: list[str]) -> Tensor:
        for name in plugin_names:
            x = getattr(self, name)(x)
        return x

    @property
    def norm1(self) -> nn.Module:
        return getattr(self, self.norm1_name)

    @property
    def norm2(self) -> nn.Module:
        return getattr(self, self.norm2_name)

    @property
    def norm3(self) -> nn.Module:
        return getattr(self, self.norm3_name)

    def _residual(self, x: Tensor) -> Tensor:
        out = self.relu(self.norm1(self.conv1(x)))
        out = self.forward_plugin(out, self.after_conv1_plugin_names)
        out = self.relu(self.norm2(self.conv2(out)))
        out = self.forward_plugin(out, self.after_conv2_plugin_names)
        out = self.norm3(self.conv3(out))
        out = self.forward_plugin(out, self.after_conv3_plugin_names)
        return out + (x if self.downsample is None else self.downsample(x))

    def forward(self, x: Tensor) -> Tensor:
        if self.with_cp and x.requires_grad:
            return self.relu(checkpoint(self._residual, x, use_reentrant=False))
        return self.relu(self._residual(x))
