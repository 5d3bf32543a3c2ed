"""ConvNeXt (Liu et al., arXiv:2201.03545; version 2: Woo et al., arXiv:2301.00808), with mmpretrain's names."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmcv.cnn import build_activation_layer, build_norm_layer
from mmcv.cnn.bricks.drop import build_dropout
from mmengine.model import BaseModule, ModuleList, Sequential
from mmengine.utils.errors import ConfigError
from mmseg.models.backbones.pretrained_layouts import AdaptsStateDict, State, from_convnext
from mmseg.registry import MODELS


@MODELS.register_module('LN2d')
class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation of the channels of a map; `LN2d` in configs."""

    _abbr_ = 'ln'

    def __init__(self, num_channels: int, **kwargs: Any) -> None:
        super().__init__(num_channels, **kwargs)

    def forward(self, x: Tensor, data_format: str = 'channel_first') -> Tensor:
        """`(N, C, H, W)`, or `(N, H, W, C)` with `data_format='channel_last'`."""
        if data_format == 'channel_last':
            return super().forward(x)
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous()


class GRN(nn.Module):
    """Global response normalisation (version 2, section 4): channels compete by their norms over the map."""

    def __init__(self, in_channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.gamma = nn.Parameter(torch.zeros(in_channels))
        self.beta = nn.Parameter(torch.zeros(in_channels))
        self.eps = eps

    def forward(self, x: Tensor, data_format: str = 'channel_first') -> Tensor:
        """`(N, C, H, W)`, or `(N, H, W, C)` with `data_format='channel_last'`."""
        if data_format == 'channel_first':
            return self.forward(x.permute(0, 2, 3, 1), 'channel_last').permute(0, 3, 1, 2)
        norm = x.norm(p=2, dim=(1, 2), keepdim=True)
        response = norm / (norm.mean(dim=-1, keepdim=True) + self.eps)
        return self.gamma * (x * response) + self.beta + x


def _build_norm(norm_cfg: dict, channels: int) -> nn.Module:
    if norm_cfg['type'] == 'LN2d':
        norm_cfg = {**norm_cfg, 'type': LayerNorm2d}
    return build_norm_layer(norm_cfg, channels)[1]


class ConvNeXtBlock(BaseModule):
    """Depthwise 7x7 convolution, norm, and two pointwise convolutions.

    Args:
        linear_pw_conv: Pointwise convolutions are linear layers on channels-last maps.
        use_grn: Have a `GRN` between them (version 2).
        layer_scale_init_value: A learned scale of the branch's channels starts with it; 0: no scale.
        with_cp: Recompute in the backward pass to save memory.
    """

    gamma: nn.Parameter | None

    def __init__(
        self,
        in_channels: int,
        dw_conv_cfg: dict = {'kernel_size': 7, 'padding': 3},
        norm_cfg: dict = {'type': 'LN2d', 'eps': 1e-6},
        act_cfg: dict = {'type': 'GELU'},
        mlp_ratio: float = 4.0,
        linear_pw_conv: bool = True,
        drop_path_rate: float = 0.0,
        layer_scale_init_value: float = 1e-6,
        use_grn: bool = False,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.with_cp = with_cp
        self.depthwise_conv = nn.Conv2d(in_channels, in_channels, groups=in_channels, **dw_conv_cfg)
        self.linear_pw_conv = linear_pw_conv
        self.norm = _build_norm(norm_cfg, in_channels)
        width = int(mlp_ratio * in_channels)
        self.pointwise_conv1 = nn.Linear(in_channels, width) if linear_pw_conv else nn.Conv2d(in_channels, width, 1)
        self.act = build_activation_layer(act_cfg)
        self.grn: nn.Module | None = GRN(width) if use_grn else None
        self.pointwise_conv2 = nn.Linear(width, in_channels) if linear_pw_conv else nn.Conv2d(width, in_channels, 1)
        gamma = None
        if layer_scale_init_value > 0:
            gamma = nn.Parameter(torch.full((in_channels,), float(layer_scale_init_value)))
        self.register_parameter('gamma', gamma)
        self.drop_path = build_dropout({'type': 'DropPath', 'drop_prob': drop_path_rate})

    def _block(self, x: Tensor) -> Tensor:
        out = self.depthwise_conv(x)
        if self.linear_pw_conv and isinstance(self.norm, LayerNorm2d):
            out = self.norm(out.permute(0, 2, 3, 1), data_format='channel_last')
        else:
            out = self.norm(out)
            out = out.permute(0, 2, 3, 1) if self.linear_pw_conv else out
        out = self.act(self.pointwise_conv1(out))
        if self.grn is not None:
            out = self.grn(out, 'channel_last' if self.linear_pw_conv else 'channel_first')
        out = self.pointwise_conv2(out)
        if self.linear_pw_conv:
            out = out.permute(0, 3, 1, 2)
        if self.gamma is not None:
            out = out * self.gamma.view(1, -1, 1, 1)
        return x + self.drop_path(out)

    def forward(self, x: Tensor) -> Tensor:
        """`x (N, C, H, W)`."""
        if self.with_cp and x.requires_grad:
            return checkpoint(self._block, x, use_reentrant=False)
        return self._block(x)


@MODELS.register_module()
class ConvNeXt(AdaptsStateDict):
    """ConvNeXt.

    Checkpoints of the paper's code load as they are.

    Args:
        arch: A name of `arch_settings`, or `dict(depths=..., channels=...)`.
        stem_patch_size: Stride of the first convolution.
        linear_pw_conv, use_grn, layer_scale_init_value: Of the blocks.
        out_indices: Stages whose output is returned, normalised; -1: the last.
        frozen_stages: This many stages, with the downsampling before them, are frozen and in eval mode.
        gap_before_final_norm: Put out the average over the map, `(N, C)`, as classifiers need it.
        with_cp: Recompute in the backward pass to save memory.
    """

    arch_settings: dict[str, dict[str, list[int]]] = {
        'atto': {'depths': [2, 2, 6, 2], 'channels': [40, 80, 160, 320]},
        'femto': {'depths': [2, 2, 6, 2], 'channels': [48, 96, 192, 384]},
        'pico': {'depths': [2, 2, 6, 2], 'channels': [64, 128, 256, 512]},
        'nano': {'depths': [2, 2, 8, 2], 'channels': [80, 160, 320, 640]},
        'tiny': {'depths': [3, 3, 9, 3], 'channels': [96, 192, 384, 768]},
        'small': {'depths': [3, 3, 27, 3], 'channels': [96, 192, 384, 768]},
        'base': {'depths': [3, 3, 27, 3], 'channels': [128, 256, 512, 1024]},
        'large': {'depths': [3, 3, 27, 3], 'channels': [192, 384, 768, 1536]},
        'xlarge': {'depths': [3, 3, 27, 3], 'channels': [256, 512, 1024, 2048]},
        'huge': {'depths': [3, 3, 27, 3], 'channels': [352, 704, 1408, 2816]},
    }

    def __init__(
        self,
        arch: str | Mapping[str, Any] = 'tiny',
        in_channels: int = 3,
        stem_patch_size: int = 4,
        norm_cfg: dict = {'type': 'LN2d', 'eps': 1e-6},
        act_cfg: dict = {'type': 'GELU'},
        linear_pw_conv: bool = True,
        use_grn: bool = False,
        drop_path_rate: float = 0.0,
        layer_scale_init_value: float = 1e-6,
        out_indices: int | Sequence[int] = -1,
        frozen_stages: int = 0,
        gap_before_final_norm: bool = True,
        with_cp: bool = False,
        init_cfg: Any = [
            {'type': 'TruncNormal', 'layer': ['Conv2d', 'Linear'], 'std': 0.02, 'bias': 0.0},
            {'type': 'Constant', 'layer': ['LayerNorm'], 'val': 1.0, 'bias': 0.0},
        ],
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        settings = arch_of(arch, self.arch_settings, ('depths', 'channels'))
        self.depths: list[int] = settings['depths']
        self.channels: list[int] = settings['channels']
        if len(self.depths) != len(self.channels):
            raise ConfigError(f'depths {self.depths} and channels {self.channels} of arch should be of one length.')
        self.num_stages = len(self.depths)
        self.out_indices = stages_of(out_indices, self.num_stages)
        self.frozen_stages = frozen_stages
        self.gap_before_final_norm = gap_before_final_norm

        rates = iter(torch.linspace(0, drop_path_rate, sum(self.depths), device='cpu').tolist())
        self.downsample_layers = ModuleList()
        self.stages = nn.ModuleList()
        for stage, (depth, channels) in enumerate(zip(self.depths, self.channels, strict=True)):
            if stage == 0:
                stem = nn.Conv2d(in_channels, channels, kernel_size=stem_patch_size, stride=stem_patch_size)
                self.downsample_layers.append(nn.Sequential(stem, _build_norm(norm_cfg, channels)))
            else:
                before = self.channels[stage - 1]
                conv = nn.Conv2d(before, channels, kernel_size=2, stride=2)
                self.downsample_layers.append(nn.Sequential(_build_norm(norm_cfg, before), conv))
            self.stages.append(
                Sequential(
                    *[
                        ConvNeXtBlock(
                            in_channels=channels,
                            drop_path_rate=next(rates),
                            norm_cfg=norm_cfg,
                            act_cfg=act_cfg,
                            linear_pw_conv=linear_pw_conv,
                            layer_scale_init_value=layer_scale_init_value,
                            use_grn=use_grn,
                            with_cp=with_cp,
                        )
                        for _ in range(depth)
                    ]
                )
            )
            if stage in self.out_indices:
                self.add_module(f'norm{stage}', _build_norm(norm_cfg, channels))
        self._freeze_stages()

    def adapt_state_dict(self, state: State) -> State:
        return from_convnext(state)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """`(N, in_channels, H, W)` to the outputs of the stages in `out_indices`, at strides 4, 8, 16, 32."""
        outs = []
        for index, (downsample, stage) in enumerate(zip(self.downsample_layers, self.stages, strict=True)):
            x = stage(downsample(x))
            if index not in self.out_indices:
                continue
            norm = getattr(self, f'norm{index}')
            if self.gap_before_final_norm:
                outs.append(norm(x.mean(dim=(-2, -1), keepdim=True)).flatten(1))
            else:
                outs.append(norm(x).contiguous())
        return tuple(outs)

    def _freeze_stages(self) -> None:
        frozen = max(self.frozen_stages, 0)
        for module in [*self.downsample_layers[:frozen], *self.stages[:frozen]]:
            module.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> 'ConvNeXt':
        super().train(mode)
        self._freeze_stages()
        return self


def arch_of(arch: str | Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], keys: Sequence[str]) -> Any:
    """The settings of a named architecture, or those given.

    Raises:
        ConfigError: There is none of that name, or settings are missing.
    """
    if isinstance(arch, str):
        if arch not in known:
            raise ConfigError(f'arch should be one of {", ".join(known)}, or a dict, but is {arch!r}.')
        return known[arch]
    missing = [key for key in keys if key not in arch]
    if missing:
        raise ConfigError(f'arch needs {", ".join(missing)}, but is {dict(arch)}.')
    return arch


def stages_of(out_indices: int | Sequence[int], num_stages: int) -> list[int]:
    """Indices of stages, counted from the end where negative.

    Raises:
        ConfigError: An index is beyond the stages.
    """
    indices = [out_indices] if isinstance(out_indices, int) else list(out_indices)
    found = [index + num_stages if index < 0 else index for index in indices]
    if not all(0 <= index < num_stages for index in found):
        raise ConfigError(f'out_indices should be in {-num_stages}..{num_stages - 1}, but are {indices}.')
    return found
