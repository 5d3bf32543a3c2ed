"""Feature pyramid."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.utils import resize
from mmseg.registry import MODELS

_EXTRA = ('on_input', 'on_lateral', 'on_output')


@MODELS.register_module()
class FPN(BaseModule):
    """Feature Pyramid Network (Lin et al.).

    Args:
        in_channels: Channels of each input, the finest first.
        num_outs: Number of outputs. Further ones than inputs come by pooling or `add_extra_convs`.
        start_level, end_level: The inputs used; `end_level` (-1: the last) is exclusive.
        add_extra_convs: `'on_input'` (or True), `'on_lateral'`, `'on_output'`: stride-2 convolutions on the
            last feature of that kind.
        upsample_cfg: Of the top-down path, arguments of interpolation.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_outs: int,
        start_level: int = 0,
        end_level: int = -1,
        add_extra_convs: bool | str = False,
        extra_convs_on_inputs: bool = False,
        relu_before_extra_convs: bool = False,
        no_norm_on_lateral: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        upsample_cfg: dict = {'mode': 'nearest'},
        init_cfg: Any = {'type': 'Xavier', 'layer': 'Conv2d', 'distribution': 'uniform'},
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_ins = len(in_channels)
        self.num_outs = num_outs
        self.relu_before_extra_convs = relu_before_extra_convs
        self.no_norm_on_lateral = no_norm_on_lateral
        self.fp16_enabled = False
        self.upsample_cfg = dict(upsample_cfg)
        self.start_level = start_level
        self.end_level = end_level
        self.backbone_end_level = self.num_ins if end_level == -1 else end_level
        num_used = self.backbone_end_level - start_level
        if not 0 < num_used <= self.num_ins or num_outs < num_used or (end_level != -1 and num_outs != num_used):
            raise ConfigError(
                f'FPN: levels {start_level}..{end_level} of {self.num_ins} inputs do not go with num_outs={num_outs}.'
            )
        if isinstance(add_extra_convs, str) and add_extra_convs not in _EXTRA:
            raise ConfigError(f'add_extra_convs should be one of {_EXTRA} or a bool, but is {add_extra_convs!r}.')
        if add_extra_convs is True:
            add_extra_convs = 'on_input' if extra_convs_on_inputs else 'on_output'
        self.add_extra_convs = add_extra_convs

        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'act_cfg': act_cfg, 'inplace': False}
        used = range(start_level, self.backbone_end_level)
        self.lateral_convs = nn.ModuleList(
            ConvModule(in_channels[level], out_channels, 1, norm_cfg=None if no_norm_on_lateral else norm_cfg, **shared)
            for level in used
        )
        self.fpn_convs = nn.ModuleList(
            ConvModule(out_channels, out_channels, 3, padding=1, norm_cfg=norm_cfg, **shared) for _ in used
        )
        if add_extra_convs:
            for extra in range(num_outs - num_used):
                on_input = extra == 0 and add_extra_convs == 'on_input'
                width = in_channels[self.backbone_end_level - 1] if on_input else out_channels
                self.fpn_convs.append(
                    ConvModule(width, out_channels, 3, stride=2, padding=1, norm_cfg=norm_cfg, **shared)
                )

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        if len(inputs) != self.num_ins:
            raise ConfigError(f'FPN has in_channels for {self.num_ins} inputs, but got {len(inputs)}.')
        laterals = [conv(inputs[self.start_level + index]) for index, conv in enumerate(self.lateral_convs)]
        for index in range(len(laterals) - 1, 0, -1):
            if 'scale_factor' in self.upsample_cfg:
                upsampled = resize(laterals[index], **self.upsample_cfg)
            else:
                upsampled = resize(laterals[index], size=laterals[index - 1].shape[2:], **self.upsample_cfg)
            laterals[index - 1] = laterals[index - 1] + upsampled

        # fpn_convs also holds the extra ones
        outs = [conv(x) for conv, x in zip(self.fpn_convs, laterals, strict=False)]
        if not self.add_extra_convs:
            while len(outs) < self.num_outs:
                outs.append(F.max_pool2d(outs[-1], 1, stride=2))
            return tuple(outs)
        sources = {
            'on_input': inputs[self.backbone_end_level - 1],
            'on_lateral': laterals[-1],
            'on_output': outs[-1],
        }
        x = sources[str(self.add_extra_convs)]
        for index, conv in enumerate(self.fpn_convs[len(outs) :]):
            outs.append(conv(x.relu() if index and self.relu_before_extra_convs else x))
            x = outs[-1]
        return tuple(outs)
