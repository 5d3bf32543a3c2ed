"""MobileNet V3."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.resnet import pretrained_init
from mmseg.models.utils import InvertedResidualV3 as InvertedResidual
from mmseg.registry import MODELS

_SE_ACT = ({'type': 'ReLU'}, {'type': 'HSigmoid', 'bias': 3.0, 'divisor': 6.0})


@MODELS.register_module()
class MobileNetV3(BaseModule):
    """MobileNet V3 (Howard et al., Searching for MobileNetV3, tables 1 and 2) with output stride 8.

    The two last strides are replaced by dilation 2 and 4.

    Args:
        arch: `'small'` or `'large'`.
        out_indices: Layers whose output is returned: 0 is the stem, then one layer a block, then the last convolution
            (12 of `'small'`, 16 of `'large'`).
        frozen_stages: The layers up to this one are frozen and in eval mode; -1: none.
        reduction_factor: Divisor of the channels from the last stride on.
        norm_eval: BatchNorm stays in eval mode.
        with_cp: Recompute blocks in the backward pass to save memory.
        pretrained: A checkpoint; `init_cfg=dict(type='Pretrained', checkpoint=...)` says the same.
    """

    # kernel size, inner channels, output channels, squeeze-and-excitation, activation, stride
    arch_settings: dict[str, list[list]] = {
        'small': [
            [3, 16, 16, True, 'ReLU', 2],
            [3, 72, 24, False, 'ReLU', 2],
            [3, 88, 24, False, 'ReLU', 1],
            [5, 96, 40, True, 'HSwish', 2],
            [5, 240, 40, True, 'HSwish', 1],
            [5, 240, 40, True, 'HSwish', 1],
            [5, 120, 48, True, 'HSwish', 1],
            [5, 144, 48, True, 'HSwish', 1],
            [5, 288, 96, True, 'HSwish', 2],
            [5, 576, 96, True, 'HSwish', 1],
            [5, 576, 96, True, 'HSwish', 1],
        ],
        'large': [
            [3, 16, 16, False, 'ReLU', 1],
            [3, 64, 24, False, 'ReLU', 2],
            [3, 72, 24, False, 'ReLU', 1],
            [5, 72, 40, True, 'ReLU', 2],
            [5, 120, 40, True, 'ReLU', 1],
            [5, 120, 40, True, 'ReLU', 1],
            [3, 240, 80, False, 'HSwish', 2],
            [3, 200, 80, False, 'HSwish', 1],
            [3, 184, 80, False, 'HSwish', 1],
            [3, 184, 80, False, 'HSwish', 1],
            [3, 480, 112, True, 'HSwish', 1],
            [3, 672, 112, True, 'HSwish', 1],
            [5, 672, 160, True, 'HSwish', 2],
            [5, 960, 160, True, 'HSwish', 1],
            [5, 960, 160, True, 'HSwish', 1],
        ],
    }

    # The layers from which on dilation is 2 and 4, and from which on channels are reduced.
    _dilated = {'small': (4, 9, 9), 'large': (7, 13, 13)}

    def __init__(
        self,
        arch: str = 'small',
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        out_indices: Sequence[int] = (0, 1, 12),
        frozen_stages: int = -1,
        reduction_factor: int = 1,
        norm_eval: bool = False,
        with_cp: bool = False,
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
        if arch not in self.arch_settings:
            raise ConfigError(f'arch of MobileNetV3 should be one of {list(self.arch_settings)}, but is {arch!r}.')
        number = len(self.arch_settings[arch]) + 2
        if any(index not in range(number) for index in out_indices):
            raise ConfigError(f'out_indices should be from 0 to {number - 1}, but are {tuple(out_indices)}.')
        if frozen_stages not in range(-1, number):
            raise ConfigError(f'frozen_stages should be from -1 to {number - 1}, but is {frozen_stages}.')
        self.pretrained = pretrained
        self.arch = arch
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.out_indices = out_indices
        self.frozen_stages = frozen_stages
        self.reduction_factor = reduction_factor
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.layers = self._make_layer()

    def _make_layer(self) -> list[str]:
        """Add the layers and return their names."""
        twice, four_times, reduced = self._dilated[self.arch]
        shared: dict[str, Any] = {'norm_cfg': self.norm_cfg, 'act_cfg': {'type': 'HSwish'}}
        layers: list[nn.Module] = [
            # TensorFlow's padding, which the published weights were trained with
            ConvModule(3, 16, 3, stride=2, padding=1, conv_cfg={'type': 'Conv2dAdaptivePadding'}, **shared)
        ]
        in_channels = 16
        for index, (kernel, middle, channels, with_se, act, stride) in enumerate(self.arch_settings[self.arch], 1):
            if index >= reduced:
                middle, channels = middle // self.reduction_factor, channels // self.reduction_factor
            block = InvertedResidual(
                in_channels=in_channels,
                out_channels=channels,
                mid_channels=middle,
                kernel_size=kernel,
                stride=stride,
                se_cfg={'channels': middle, 'ratio': 4, 'act_cfg': _SE_ACT} if with_se else None,
                with_expand_conv=in_channels != middle,
                conv_cfg=self.conv_cfg,
                norm_cfg=self.norm_cfg,
                act_cfg={'type': act},
                with_cp=self.with_cp,
            )
            if index >= twice:
                dilation = 2 if index < four_times else 4
                conv = block.depthwise_conv.conv
                conv.dilation = (dilation, dilation)
                if stride == 1:  # the others pad themselves
                    conv.padding = (dilation * (kernel // 2),) * 2
                conv.stride = (1, 1)
            layers.append(block)
            in_channels = channels
        width = 576 if self.arch == 'small' else 960
        layers.append(ConvModule(in_channels, width, 1, conv_cfg=self.conv_cfg, **shared))
        names = [f'layer{index}' for index in range(len(layers))]
        for name, layer in zip(names, layers, strict=True):
            self.add_module(name, layer)
        return names

    def forward(self, x: Tensor) -> list[Tensor]:
        """`(N, 3, H, W)` to the outputs of the layers in `out_indices`."""
        outs = []
        for index, name in enumerate(self.layers):
            x = getattr(self, name)(x)
            if index in self.out_indices:
                outs.append(x)
        return outs

    def _freeze_stages(self) -> None:
        for name in self.layers[: self.frozen_stages + 1]:
            layer = getattr(self, name)
            layer.eval()
            layer.requires_grad_(False)

    def train(self, mode: bool = True) -> 'MobileNetV3':
        super().train(mode)
        self._freeze_stages()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self
