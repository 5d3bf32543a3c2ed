"""ResNet and its variants C and D."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmcv.cnn import build_conv_layer, build_norm_layer
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.resnet_blocks import BasicBlock, Bottleneck
from mmseg.models.utils import ResLayer
from mmseg.registry import MODELS

__all__ = ['BasicBlock', 'Bottleneck', 'ResNet', 'ResNetV1c', 'ResNetV1d']


def pretrained_init(pretrained: str | None, init_cfg: Any) -> Any:
    """The `init_cfg` that the earlier argument `pretrained` stands for.

    Raises:
        ConfigError: Both say where the weights come from.
    """
    if pretrained is None:
        return init_cfg
    if init_cfg is not None:
        raise ConfigError(f'Give `pretrained` ({pretrained!r}) or `init_cfg`, not both: both set the initial weights.')
    return {'type': 'Pretrained', 'checkpoint': pretrained}


@MODELS.register_module()
class ResNet(BaseModule):
    """ResNet (He et al., Deep Residual Learning), with dilation for segmentation.

    Args:
        depth: 18, 34, 50, 101 or 152.
        stem_channels: Channels of the stem; `base_channels` those of the first stage before expansion.
        strides, dilations: Of each stage.
        out_indices: Stages whose output is returned.
        style: Which convolution of a bottleneck has the stride: the 3x3 (`'pytorch'`) or the first (`'caffe'`).
        deep_stem: Three 3x3 convolutions instead of a 7x7.
        avg_down: Average pooling in the shortcuts that downsample.
        frozen_stages: The stem and this many stages are frozen and in eval mode; -1: none.
        norm_eval: BatchNorm stays in eval mode.
        dcn, stage_with_dcn: A deformable convolution, and in which stages.
        plugins: dicts `cfg`, `position` and `stages` (for each stage, whether it has the plugin).
        multi_grid: Dilations of the blocks of the last stage.
        contract_dilation: The first block of a dilated stage has half the dilation.
        with_cp: Recompute blocks in the backward pass to save memory.
        zero_init_residual: The last norm of each block starts at zero.
        pretrained: A checkpoint; `init_cfg=dict(type='Pretrained', checkpoint=...)` says the same.
    """

    arch_settings: dict[int, tuple[Any, tuple[int, ...]]] = {
        18: (BasicBlock, (2, 2, 2, 2)),
        34: (BasicBlock, (3, 4, 6, 3)),
        50: (Bottleneck, (3, 4, 6, 3)),
        101: (Bottleneck, (3, 4, 23, 3)),
        152: (Bottleneck, (3, 8, 36, 3)),
    }

    def __init__(
        self,
        depth: int,
        in_channels: int = 3,
        stem_channels: int = 64,
        base_channels: int = 64,
        num_stages: int = 4,
        strides: Sequence[int] = (1, 2, 2, 2),
        dilations: Sequence[int] = (1, 1, 1, 1),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        style: str = 'pytorch',
        deep_stem: bool = False,
        avg_down: bool = False,
        frozen_stages: int = -1,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN', 'requires_grad': True},
        norm_eval: bool = False,
        dcn: dict | None = None,
        stage_with_dcn: Sequence[bool] = (False, False, False, False),
        plugins: list[dict] | None = None,
        multi_grid: Sequence[int] | None = None,
        contract_dilation: bool = False,
        with_cp: bool = False,
        zero_init_residual: bool = True,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        if depth not in self.arch_settings:
            raise ConfigError(
                f'depth of {type(self).__name__} should be one of {list(self.arch_settings)}, not {depth}.'
            )
        if not 1 <= num_stages <= 4 or not len(strides) == len(dilations) == num_stages:
            raise ConfigError(
                f'num_stages should be 1 to 4, with as many strides and dilations, but got num_stages={num_stages}, '
                f'strides={tuple(strides)}, dilations={tuple(dilations)}.'
            )
        if max(out_indices) >= num_stages:
            raise ConfigError(f'out_indices {tuple(out_indices)} exceed the {num_stages} stages.')
        self.zero_init_residual = zero_init_residual
        block, stage_blocks = self.arch_settings[depth]
        init_cfg = pretrained_init(pretrained, init_cfg)
        block_init_cfg = None
        if init_cfg is None:
            init_cfg = [
                {'type': 'Kaiming', 'layer': 'Conv2d'},
                {'type': 'Constant', 'val': 1, 'layer': ['_BatchNorm', 'GroupNorm']},
            ]
            if zero_init_residual and isinstance(block, type):
                last = 'norm2' if issubclass(block, BasicBlock) else 'norm3'
                block_init_cfg = {'type': 'Constant', 'val': 0, 'override': {'name': last}}
        super().__init__(init_cfg)
        self.pretrained = pretrained
        self.depth = depth
        self.stem_channels = stem_channels
        self.base_channels = base_channels
        self.num_stages = num_stages
        self.strides = strides
        self.dilations = dilations
        self.out_indices = out_indices
        self.style = style
        self.deep_stem = deep_stem
        self.avg_down = avg_down
        self.frozen_stages = frozen_stages
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.with_cp = with_cp
        self.norm_eval = norm_eval
        self.dcn = dcn
        self.stage_with_dcn = stage_with_dcn
        self.plugins = plugins
        self.multi_grid = multi_grid
        self.contract_dilation = contract_dilation
        self.block = block
        self.stage_blocks = stage_blocks[:num_stages]
        self.inplanes = stem_channels

        self._make_stem_layer(in_channels, stem_channels)
        self.res_layers: list[str] = []
        for index, num_blocks in enumerate(self.stage_blocks):
            planes = base_channels * 2**index
            layer = self.make_res_layer(
                block=block,
                inplanes=self.inplanes,
                planes=planes,
                num_blocks=num_blocks,
                stride=strides[index],
                dilation=dilations[index],
                style=style,
                avg_down=avg_down,
                with_cp=with_cp,
                conv_cfg=conv_cfg,
                norm_cfg=norm_cfg,
                dcn=dcn if stage_with_dcn[index] else None,
                plugins=None if plugins is None else self.make_stage_plugins(plugins, index),
                multi_grid=multi_grid if index == num_stages - 1 else None,
                contract_dilation=contract_dilation,
                init_cfg=block_init_cfg,
            )
            self.inplanes = planes * block.expansion
            self.add_module(f'layer{index + 1}', layer)
            self.res_layers.append(f'layer{index + 1}')
        self._freeze_stages()
        self.feat_dim = self.inplanes

    def make_stage_plugins(self, plugins: list[dict], stage_idx: int) -> list[dict]:
        """The plugins of one stage, without their key `stages`."""
        chosen = []
        for plugin in plugins:
            stages = plugin.get('stages')
            if stages is not None and len(stages) != self.num_stages:
                raise ConfigError(f'`stages` of a plugin should have {self.num_stages} entries, but is {stages!r}.')
            if stages is None or stages[stage_idx]:
                chosen.append({key: value for key, value in plugin.items() if key != 'stages'})
        return chosen

    def make_res_layer(self, **kwargs: Any) -> nn.Module:
        return ResLayer(**kwargs)

    @property
    def norm1(self) -> nn.Module:
        return getattr(self, self.norm1_name)

    def _make_stem_layer(self, in_channels: int, stem_channels: int) -> None:
        if self.deep_stem:
            half = stem_channels // 2
            layers: list[nn.Module] = []
            for source, target, stride in (in_channels, half, 2), (half, half, 1), (half, stem_channels, 1):
                layers += [
                    build_conv_layer(self.conv_cfg, source, target, 3, stride=stride, padding=1, bias=False),
                    build_norm_layer(self.norm_cfg, target)[1],
                    nn.ReLU(inplace=True),
                ]
            self.stem = nn.Sequential(*layers)
        else:
            self.conv1 = build_conv_layer(self.conv_cfg, in_channels, stem_channels, 7, stride=2, padding=3, bias=False)
            self.norm1_name, norm1 = build_norm_layer(self.norm_cfg, stem_channels, postfix=1)
            self.add_module(self.norm1_name, norm1)
            self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)

    def _freeze_stages(self) -> None:
        if self.frozen_stages < 0:
            return
        frozen = [self.stem] if self.deep_stem else [self.conv1, self.norm1]
        frozen += [getattr(self, name) for name in self.res_layers[: self.frozen_stages]]
        for module in frozen:
            module.eval()
            module.requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """`(N, in_channels, H, W)` to the outputs of the stages in `out_indices`."""
        x = self.stem(x) if self.deep_stem else self.relu(self.norm1(self.conv1(x)))
        x = self.maxpool(x)
        outs = []
        for index, name in enumerate(self.res_layers):
            x = getattr(self, name)(x)
            if index in self.out_indices:
                outs.append(x)
        return tuple(outs)

    def train(self, mode: bool = True) -> 'ResNet':
        super().train(mode)
        self._freeze_stages()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self


@MODELS.register_module()
class ResNetV1c(ResNet):
    """ResNet with a deep stem (He et al., Bag of Tricks, figure 2b)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(deep_stem=True, avg_down=False, **kwargs)


@MODELS.register_module()
class ResNetV1d(ResNet):
    """ResNet with a deep stem and average pooling in the shortcuts (figure 2c)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(deep_stem=True, avg_down=True, **kwargs)
