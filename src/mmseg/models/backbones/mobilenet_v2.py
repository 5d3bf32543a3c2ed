"""MobileNet V2."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.resnet import pretrained_init
from mmseg.models.utils import InvertedResidual, make_divisible
from mmseg.registry import MODELS


@MODELS.register_module()
class MobileNetV2(BaseModule):
    """MobileNet V2 (Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, table 2).

    Args:
        widen_factor: Of all channel numbers.
        strides, dilations: Of the first block of each of the seven layers.
        out_indices: Layers, 0 to 6, whose output is returned.
        frozen_stages: The stem and this many layers are frozen and in eval mode; -1: none.
        norm_eval: BatchNorm stays in eval mode.
        with_cp: Recompute blocks in the backward pass to save memory.
        pretrained: A checkpoint; `init_cfg=dict(type='Pretrained', checkpoint=...)` says the same.
    """

    # expand_ratio, channels, number of blocks
    arch_settings = [
        [1, 16, 1],
        [6, 24, 2],
        [6, 32, 3],
        [6, 64, 4],
        [6, 96, 3],
        [6, 160, 3],
        [6, 320, 1],
    ]

    def __init__(
        self,
        widen_factor: float = 1.0,
        strides: Sequence[int] = (1, 2, 2, 2, 1, 2, 1),
        dilations: Sequence[int] = (1, 1, 1, 1, 1, 1, 1),
        out_indices: Sequence[int] = (1, 2, 4, 6),
        frozen_stages: int = -1,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU6'},
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
        number = len(self.arch_settings)
        if not len(strides) == len(dilations) == number:
            raise ConfigError(
                f'MobileNetV2 needs {number} strides and dilations, but got {tuple(strides)} and {tuple(dilations)}.'
            )
        if any(index not in range(number) for index in out_indices):
            raise ConfigError(f'out_indices should be from 0 to {number - 1}, but are {tuple(out_indices)}.')
        if frozen_stages not in range(-1, number + 1):
            raise ConfigError(f'frozen_stages should be from -1 to {number}, but is {frozen_stages}.')
        self.pretrained = pretrained
        self.widen_factor = widen_factor
        self.strides = strides
        self.dilations = dilations
        self.out_indices = out_indices
        self.frozen_stages = frozen_stages
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        self.norm_eval = norm_eval
        self.with_cp = with_cp

        self.in_channels = make_divisible(32 * widen_factor, 8)
        self.conv1 = ConvModule(
            3, self.in_channels, 3, stride=2, padding=1, conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg
        )
        self.layers: list[str] = []
        for index, (expand_ratio, channels, num_blocks) in enumerate(self.arch_settings):
            layer = self.make_layer(
                out_channels=make_divisible(channels * widen_factor, 8),
                num_blocks=num_blocks,
                stride=strides[index],
                dilation=dilations[index],
                expand_ratio=expand_ratio,
            )
            self.add_module(f'layer{index + 1}', layer)
            self.layers.append(f'layer{index + 1}')

    def make_layer(
        self, out_channels: int, num_blocks: int, stride: int, dilation: int, expand_ratio: float
    ) -> nn.Sequential:
        """Blocks, of which the first has the stride and the dilation."""
        layers = []
        for index in range(num_blocks):
            layers.append(
                InvertedResidual(
                    self.in_channels,
                    out_channels,
                    stride if index == 0 else 1,
                    expand_ratio=expand_ratio,
                    dilation=dilation if index == 0 else 1,
                    conv_cfg=self.conv_cfg,
                    norm_cfg=self.norm_cfg,
                    act_cfg=self.act_cfg,
                    with_cp=self.with_cp,
                )
            )
            self.in_channels = out_channels
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Any:
        """`(N, 3, H, W)` to the outputs of the layers in `out_indices`: a tuple, or the only one."""
        x = self.conv1(x)
        outs = []
        for index, name in enumerate(self.layers):
            x = getattr(self, name)(x)
            if index in self.out_indices:
                outs.append(x)
        return outs[0] if len(outs) == 1 else tuple(outs)

    def _freeze_stages(self) -> None:
        if self.frozen_stages < 0:
            return
        for name in ('conv1', *self.layers[: self.frozen_stages]):
            layer = getattr(self, name)
            layer.eval()
            layer.requires_grad_(False)

    def train(self, mode: bool = True) -> 'MobileNetV2':
        super().train(mode)
        self._freeze_stages()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self
