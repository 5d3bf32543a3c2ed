"""Dense prediction transformer head."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule, Linear, build_activation_layer
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import nchw_to_nlc, nlc_to_nchw, resize
from mmseg.registry import MODELS

_READOUTS = ('ignore', 'add', 'project')


class ReassembleBlocks(BaseModule):
    """Maps of a plain transformer to those of a pyramid of strides 4, 8, 16 and 32 (section 3.2).

    Args:
        out_channels: Of each of the four levels.
        readout_type: What becomes of the class token: `'ignore'`, `'add'` it to the patches, or `'project'` it with
            each of them.
    """

    def __init__(
        self,
        in_channels: int = 768,
        out_channels: Sequence[int] = [96, 192, 384, 768],
        readout_type: str = 'ignore',
        patch_size: int = 16,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        if readout_type not in _READOUTS:
            raise ConfigError(f'readout_type should be one of {_READOUTS}, but is {readout_type!r}.')
        if len(out_channels) != 4:
            raise ConfigError(f'The pyramid of DPT has 4 levels, but there are channels for {list(out_channels)}.')
        self.readout_type = readout_type
        self.patch_size = patch_size
        self.projects = nn.ModuleList(
            ConvModule(in_channels, channels, kernel_size=1, act_cfg=None) for channels in out_channels
        )
        first, second, _, last = out_channels
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(first, first, kernel_size=4, stride=4),
                nn.ConvTranspose2d(second, second, kernel_size=2, stride=2),
                nn.Identity(),
                nn.Conv2d(last, last, kernel_size=3, stride=2, padding=1),
            ]
        )
        if readout_type == 'project':
            self.readout_projects = nn.ModuleList(
                nn.Sequential(Linear(2 * in_channels, in_channels), build_activation_layer({'type': 'GELU'}))
                for _ in out_channels
            )

    def forward(self, inputs: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Four pairs of a map `(N, C, H, W)` and a class token `(N, C)`."""
        outs = []
        for index, (x, cls_token) in enumerate(inputs):
            if self.readout_type == 'project':
                tokens = nchw_to_nlc(x)
                pairs = torch.cat([tokens, cls_token[:, None].expand_as(tokens)], dim=-1)
                x = nlc_to_nchw(self.readout_projects[index](pairs), (x.shape[2], x.shape[3])).contiguous()
            elif self.readout_type == 'add':
                x = x + cls_token[:, :, None, None]
            outs.append(self.resize_layers[index](self.projects[index](x)))
        return outs


class PreActResidualConvUnit(BaseModule):
    """Two 3x3 convolutions, each after an activation, added to the input."""

    def __init__(
        self,
        in_channels: int,
        act_cfg: dict,
        norm_cfg: dict | None,
        stride: int = 1,
        dilation: int = 1,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        shared: dict[str, Any] = {
            'norm_cfg': norm_cfg,
            'act_cfg': act_cfg,
            'bias': False,
            'order': ('act', 'conv', 'norm'),
            # The activation is the first; in place it would change the shortcut.
            'inplace': False,
        }
        self.conv1 = ConvModule(
            in_channels, in_channels, 3, stride=stride, padding=dilation, dilation=dilation, **shared
        )
        self.conv2 = ConvModule(in_channels, in_channels, 3, padding=1, **shared)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.conv2(self.conv1(inputs)) + inputs


class FeatureFusionBlock(BaseModule):
    """Add a level to what came from the coarser ones, refine, and upsample by 2 (section 3.2).

    Args:
        expand: Halve the channels.
        coarsest: There is nothing coarser; the only input is the level.
    """

    def __init__(
        self,
        in_channels: int,
        act_cfg: dict,
        norm_cfg: dict | None,
        expand: bool = False,
        align_corners: bool = True,
        init_cfg: Any = None,
        coarsest: bool = False,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.expand = expand
        self.align_corners = align_corners
        self.out_channels = in_channels // 2 if expand else in_channels
        self.project = ConvModule(in_channels, self.out_channels, kernel_size=1, act_cfg=None, bias=True)
        self.res_conv_unit1 = None if coarsest else PreActResidualConvUnit(in_channels, act_cfg, norm_cfg)
        self.res_conv_unit2 = PreActResidualConvUnit(in_channels, act_cfg, norm_cfg)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The coarser map, and the level `(N, in_channels, H, W)` unless this is the coarsest."""
        x = inputs[0]
        if len(inputs) == 2 and self.res_conv_unit1 is not None:
            level = resize(inputs[1], size=x.shape[2:], mode='bilinear', align_corners=False)
            x = x + self.res_conv_unit1(level)
        x = self.res_conv_unit2(x)
        x = resize(x, scale_factor=2, mode='bilinear', align_corners=self.align_corners)
        return self.project(x)


@MODELS.register_module()
class DPTHead(BaseDecodeHead):
    """Vision transformers for dense prediction (Ranftl et al., arXiv:2103.13413).

    The backbone puts out class tokens (`output_cls_token=True`).

    Args:
        embed_dims: Channels of the backbone.
        post_process_channels: Of the levels of the pyramid.
        readout_type: See `ReassembleBlocks`.
        expand_channels: Double the channels of each further level.
    """

    def __init__(
        self,
        embed_dims: int = 768,
        post_process_channels: Sequence[int] = [96, 192, 384, 768],
        readout_type: str = 'ignore',
        patch_size: int = 16,
        expand_channels: bool = False,
        act_cfg: dict = {'type': 'ReLU'},
        norm_cfg: dict | None = {'type': 'BN'},
        **kwargs: Any,
    ) -> None:
        super().__init__(act_cfg=act_cfg, norm_cfg=norm_cfg, **kwargs)
        self.expand_channels = expand_channels
        self.post_process_channels = [
            channels * 2**level if expand_channels else channels for level, channels in enumerate(post_process_channels)
        ]
        self.reassemble_blocks = ReassembleBlocks(embed_dims, self.post_process_channels, readout_type, patch_size)
        self.convs = nn.ModuleList(
            ConvModule(channels, self.channels, kernel_size=3, padding=1, act_cfg=None, bias=False)
            for channels in self.post_process_channels
        )
        self.fusion_blocks = nn.ModuleList(
            FeatureFusionBlock(self.channels, act_cfg, norm_cfg, coarsest=index == 0)
            for index in range(len(self.convs))
        )
        self.project = ConvModule(self.channels, self.channels, kernel_size=3, padding=1, norm_cfg=norm_cfg)
        self.num_fusion_blocks = len(self.fusion_blocks)

    def forward(self, inputs: Any) -> Tensor:
        levels = self.reassemble_blocks(self._transform_inputs(inputs))
        levels = [conv(x) for conv, x in zip(self.convs, levels, strict=True)]
        out = self.fusion_blocks[0](levels[-1])
        for block, level in zip(self.fusion_blocks[1:], levels[-2::-1], strict=True):
            out = block(out, level)
        return self.cls_seg(self.project(out))
