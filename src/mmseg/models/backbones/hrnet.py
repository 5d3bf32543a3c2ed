"""HRNet (Sun et al., High-Resolution Representations for Labeling Pixels and Regions)."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmcv.cnn import build_conv_layer, build_norm_layer
from mmengine.model import BaseModule, ModuleList, Sequential
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.resnet import BasicBlock, Bottleneck, pretrained_init
from mmseg.models.utils import ResLayer, Upsample, resize
from mmseg.registry import MODELS


class HRModule(BaseModule):
    """Parallel branches of residual blocks, each at half the resolution of the one before, and their exchange.

    Args:
        blocks: Class of the blocks, with `expansion`.
        num_blocks, num_channels: Of each branch; the channels are those before expansion.
        in_channels: Channels of each input. Like the attribute of the same name, a list that afterwards has the
            channels of the outputs.
        multiscale_output: Return all branches, or only the first.
        block_init_cfg: The `init_cfg` of each block.
    """

    def __init__(
        self,
        num_branches: int,
        blocks: Any,
        num_blocks: Sequence[int],
        in_channels: list[int],
        num_channels: Sequence[int],
        multiscale_output: bool = True,
        with_cp: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN', 'requires_grad': True},
        block_init_cfg: dict | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.block_init_cfg = block_init_cfg
        self._check_branches(num_branches, num_blocks, in_channels, num_channels)
        self.in_channels = in_channels
        self.num_branches = num_branches
        self.multiscale_output = multiscale_output
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.with_cp = with_cp
        self.branches: Any = self._make_branches(num_branches, blocks, num_blocks, num_channels)
        self.fuse_layers: Any = self._make_fuse_layers()
        self.relu = nn.ReLU(inplace=False)

    def _check_branches(
        self,
        num_branches: int,
        num_blocks: Sequence[int],
        in_channels: Sequence[int],
        num_channels: Sequence[int],
    ) -> None:
        lists = {'num_blocks': num_blocks, 'num_channels': num_channels, 'in_channels': in_channels}
        for name, values in lists.items():
            if len(values) != num_branches:
                raise ConfigError(
                    f'{name} of an HRNet stage with num_branches={num_branches} should have as many entries, '
                    f'but is {tuple(values)}.'
                )

    def _make_one_branch(
        self, branch_index: int, block: Any, num_blocks: Sequence[int], num_channels: Sequence[int], stride: int = 1
    ) -> Sequential:
        planes = num_channels[branch_index]
        branch = ResLayer(
            block,
            self.in_channels[branch_index],
            planes,
            num_blocks[branch_index],
            stride=stride,
            with_cp=self.with_cp,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            init_cfg=self.block_init_cfg,
        )
        self.in_channels[branch_index] = planes * block.expansion
        return branch

    def _make_branches(
        self, num_branches: int, block: Any, num_blocks: Sequence[int], num_channels: Sequence[int]
    ) -> ModuleList:
        return ModuleList(
            self._make_one_branch(index, block, num_blocks, num_channels) for index in range(num_branches)
        )

    def _conv_norm(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> list[nn.Module]:
        conv = build_conv_layer(
            self.conv_cfg,
            in_channels,
            out_channels,
            kernel_size=kernel_size,
            stride=stride,
            padding=kernel_size // 2,
            bias=False,
        )
        return [conv, build_norm_layer(self.norm_cfg, out_channels)[1]]

    def _make_fuse_layers(self) -> nn.ModuleList | None:
        """For each output, a list with what brings each input to its resolution; None where it already has it."""
        if self.num_branches == 1:
            return None
        outputs = []
        for target in range(self.num_branches if self.multiscale_output else 1):
            layers = [self._make_fuse_layer(source, target) for source in range(self.num_branches)]
            outputs.append(nn.ModuleList(layers))  # type: ignore[arg-type]
        return nn.ModuleList(outputs)

    def _make_fuse_layer(self, source: int, target: int) -> nn.Module | None:
        channels, out_channels = self.in_channels[source], self.in_channels[target]
        if source == target:
            return None
        if source > target:
            upsample = Upsample(scale_factor=2 ** (source - target), mode='bilinear', align_corners=False)
            return nn.Sequential(*self._conv_norm(channels, out_channels, 1), upsample)
        steps: list[nn.Module] = [
            nn.Sequential(*self._conv_norm(channels, channels, 3, stride=2), nn.ReLU(inplace=False))
            for _ in range(target - source - 1)
        ]
        return nn.Sequential(*steps, nn.Sequential(*self._conv_norm(channels, out_channels, 3, stride=2)))

    def forward(self, x: list[Tensor]) -> list[Tensor]:
        """One `(N, C_i, H / 2**i, W / 2**i)` a branch, in and out."""
        x = [branch(feature) for branch, feature in zip(self.branches, x, strict=True)]
        if self.fuse_layers is None:
            return x
        outs = []
        for target, layers in enumerate(self.fuse_layers):
            size = x[target].shape[2:]
            total: Any = 0
            for layer, feature in zip(layers, x, strict=True):
                if layer is not None:
                    feature = layer(feature)
                # An odd side is not the double of its half.
                if feature.shape[2:] != size:
                    feature = resize(feature, size=size, mode='bilinear', align_corners=False)
                total = total + feature
            outs.append(self.relu(total))
        return outs


@MODELS.register_module()
class HRNet(BaseModule):
    """HRNet: up to four parallel resolutions, 1/4 to 1/32 of the input, that exchange features again and again.

    Args:
        extra: dicts `stage1` to `stage4`, each with `num_modules`, `num_branches`, `block` (`'BASIC'` or
            `'BOTTLENECK'`), and `num_blocks` and `num_channels` of each branch.
        norm_eval: BatchNorm stays in eval mode.
        with_cp: Recompute blocks in the backward pass to save memory.
        frozen_stages: The stem and this many stages, with the transitions after them, are frozen and in eval mode;
            -1: none.
        zero_init_residual: The last norm of each block starts at zero.
        multiscale_output: Return all branches of the last stage, or only the finest.
        pretrained: A checkpoint; `init_cfg=dict(type='Pretrained', checkpoint=...)` says the same.
    """

    blocks_dict: dict[str, Any] = {'BASIC': BasicBlock, 'BOTTLENECK': Bottleneck}

    def __init__(
        self,
        extra: dict,
        in_channels: int = 3,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN', 'requires_grad': True},
        norm_eval: bool = False,
        with_cp: bool = False,
        frozen_stages: int = -1,
        zero_init_residual: bool = False,
        multiscale_output: bool = True,
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
        stages = [self._check_stage(extra, f'stage{index}') for index in range(1, 5)]
        self.pretrained = pretrained
        self.zero_init_residual = zero_init_residual
        self.extra = extra
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.frozen_stages = frozen_stages

        self.norm1_name, norm1 = build_norm_layer(norm_cfg, 64, postfix=1)
        self.norm2_name, norm2 = build_norm_layer(norm_cfg, 64, postfix=2)
        self.conv1 = build_conv_layer(conv_cfg, in_channels, 64, kernel_size=3, stride=2, padding=1, bias=False)
        self.add_module(self.norm1_name, norm1)
        self.conv2 = build_conv_layer(conv_cfg, 64, 64, kernel_size=3, stride=2, padding=1, bias=False)
        self.add_module(self.norm2_name, norm2)
        self.relu = nn.ReLU(inplace=True)

        self.stage1_cfg, self.stage2_cfg, self.stage3_cfg, self.stage4_cfg = stages
        block = self.blocks_dict[self.stage1_cfg['block']]
        planes = self.stage1_cfg['num_channels'][0]
        self.layer1 = self._make_layer(block, 64, planes, self.stage1_cfg['num_blocks'][0])
        channels = [planes * block.expansion]
        for index, cfg in enumerate(stages[1:], start=1):
            widths = [planes * self.blocks_dict[cfg['block']].expansion for planes in cfg['num_channels']]
            self.add_module(f'transition{index}', self._make_transition_layer(channels, widths))
            # Only the last stage may leave the coarser branches out.
            stage, channels = self._make_stage(cfg, widths, multiscale_output=multiscale_output or index < 3)
            self.add_module(f'stage{index + 1}', stage)
        self._freeze_stages()

    def _check_stage(self, extra: dict, name: str) -> dict:
        for key in (name, 'num_modules', 'num_branches', 'block', 'num_blocks', 'num_channels'):
            if key not in (extra if key == name else extra[name]):
                where = '' if key == name else f' for {name}'
                raise ConfigError(f'extra of HRNet lacks {key!r}{where}: {extra!r}')
        cfg = extra[name]
        if cfg['block'] not in self.blocks_dict:
            raise ConfigError(f'block of {name} should be one of {list(self.blocks_dict)}, but is {cfg["block"]!r}.')
        if not len(cfg['num_blocks']) == len(cfg['num_channels']) == cfg['num_branches']:
            raise ConfigError(
                f'num_blocks {tuple(cfg["num_blocks"])} and num_channels {tuple(cfg["num_channels"])} of {name} '
                f'should have num_branches={cfg["num_branches"]} entries.'
            )
        return cfg

    @property
    def norm1(self) -> nn.Module:
        return getattr(self, self.norm1_name)

    @property
    def norm2(self) -> nn.Module:
        return getattr(self, self.norm2_name)

    def _make_transition_layer(
        self, num_channels_pre_layer: Sequence[int], num_channels_cur_layer: Sequence[int]
    ) -> nn.ModuleList:
        """For each branch of the next stage, what makes its input; None: the branch before goes on as it is."""

        def convolve(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
            return nn.Sequential(
                build_conv_layer(
                    self.conv_cfg, in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False
                ),
                build_norm_layer(self.norm_cfg, out_channels)[1],
                nn.ReLU(inplace=True),
            )

        layers: list[nn.Module | None] = []
        existing = len(num_channels_pre_layer)
        for index, width in enumerate(num_channels_cur_layer):
            if index < existing:
                before = num_channels_pre_layer[index]
                layers.append(None if before == width else convolve(before, width, 1))
                continue
            before = num_channels_pre_layer[-1]
            steps = [convolve(before, before, 2) for _ in range(index - existing)]
            layers.append(nn.Sequential(*steps, convolve(before, width, 2)))
        return nn.ModuleList(layers)  # type: ignore[arg-type]

    def _block_init_cfg(self, block: Any) -> dict | None:
        if not self.zero_init_residual:
            return None
        last = 'norm2' if issubclass(block, BasicBlock) else 'norm3'
        return {'type': 'Constant', 'val': 0, 'override': {'name': last}}

    def _make_layer(self, block: Any, inplanes: int, planes: int, blocks: int, stride: int = 1) -> Sequential:
        return ResLayer(
            block,
            inplanes,
            planes,
            blocks,
            stride=stride,
            with_cp=self.with_cp,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            init_cfg=self._block_init_cfg(block),
        )

    def _make_stage(
        self, layer_config: dict, in_channels: list[int], multiscale_output: bool = True
    ) -> tuple[Sequential, list[int]]:
        """The modules of a stage, and the channels of its branches."""
        block = self.blocks_dict[layer_config['block']]
        modules = []
        for index in range(layer_config['num_modules']):
            module = HRModule(
                layer_config['num_branches'],
                block,
                layer_config['num_blocks'],
                in_channels,
                layer_config['num_channels'],
                multiscale_output=multiscale_output or index < layer_config['num_modules'] - 1,
                with_cp=self.with_cp,
                conv_cfg=self.conv_cfg,
                norm_cfg=self.norm_cfg,
                block_init_cfg=self._block_init_cfg(block),
            )
            in_channels = module.in_channels
            modules.append(module)
        return Sequential(*modules), in_channels

    def _freeze_stages(self) -> None:
        if self.frozen_stages < 0:
            return
        frozen = [self.conv1, self.norm1, self.conv2, self.norm2]
        for index in range(1, self.frozen_stages + 1):
            frozen.append(self.layer1 if index == 1 else getattr(self, f'stage{index}'))
            if index < 4:
                frozen.append(getattr(self, f'transition{index}'))
        for module in frozen:
            module.eval()
            module.requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """`(N, in_channels, H, W)` to the branches of the last stage, finest first."""
        x = self.relu(self.norm1(self.conv1(x)))
        x = self.relu(self.norm2(self.conv2(x)))
        features = [self.layer1(x)]
        for index in (1, 2, 3):
            transitions: Any = getattr(self, f'transition{index}')
            # A new branch comes from the coarsest one.
            sources = features + [features[-1]] * (len(transitions) - len(features))
            features = [
                source if transition is None else transition(source)
                for transition, source in zip(transitions, sources, strict=True)
            ]
            features = getattr(self, f'stage{index + 1}')(features)
        return tuple(features)

    def train(self, mode: bool = True) -> 'HRNet':
        super().train(mode)
        self._freeze_stages()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self
