"""DDRNet (Hong et al., Deep Dual-resolution Networks for Real-time and Accurate Semantic Segmentation)."""

from typing import Any

from torch import Tensor, nn

from mmcv.cnn import ConvModule, build_norm_layer
from mmengine.model import BaseModule
from mmseg.models.utils import DAPPM, BasicBlock, Bottleneck, resize
from mmseg.registry import MODELS
from mmseg.utils.typing_utils import ConfigType


@MODELS.register_module()
class DDRNet(BaseModule):
    """Two branches, at 1/8 and down to 1/64 of the input, that add each other's features twice.

    Returns the fused feature `(N, 4 * channels, H / 8, W / 8)`; in training a tuple of the spatial branch after the
    first exchange `(N, 2 * channels, H / 8, W / 8)`, for an auxiliary loss, and the fused feature.

    Args:
        channels: Of the stem; 32 for the slim model, 64 for DDRNet-23.
        ppm_channels: Of each scale of the pyramid pooling.
    """

    def __init__(
        self,
        in_channels: int = 3,
        channels: int = 32,
        ppm_channels: int = 128,
        align_corners: bool = False,
        norm_cfg: ConfigType = {'type': 'BN', 'requires_grad': True},
        act_cfg: ConfigType = {'type': 'ReLU', 'inplace': True},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.ppm_channels = ppm_channels
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        self.align_corners = align_corners
        width = channels * 2
        self.stem = self._make_stem_layer(in_channels, channels, num_blocks=2)
        self.relu = nn.ReLU()
        self.context_branch_layers = nn.ModuleList(
            [
                self._make_layer(BasicBlock, width, channels * 4, num_blocks=2, stride=2),
                self._make_layer(BasicBlock, channels * 4, channels * 8, num_blocks=2, stride=2),
                self._make_layer(Bottleneck, channels * 8, channels * 8, num_blocks=1, stride=2),
            ]
        )
        plain: dict[str, Any] = {'norm_cfg': norm_cfg, 'act_cfg': None}
        self.compression_1 = ConvModule(channels * 4, width, 1, **plain)
        self.down_1 = ConvModule(width, channels * 4, 3, stride=2, padding=1, **plain)
        self.compression_2 = ConvModule(channels * 8, width, 1, **plain)
        self.down_2 = nn.Sequential(
            ConvModule(width, channels * 4, 3, stride=2, padding=1, norm_cfg=norm_cfg, act_cfg=act_cfg),
            ConvModule(channels * 4, channels * 8, 3, stride=2, padding=1, **plain),
        )
        self.spatial_branch_layers = nn.ModuleList(
            [
                self._make_layer(BasicBlock, width, width, num_blocks=2),
                self._make_layer(BasicBlock, width, width, num_blocks=2),
                self._make_layer(Bottleneck, width, width, num_blocks=1),
            ]
        )
        self.spp = DAPPM(channels * 16, ppm_channels, channels * 4, num_scales=5, norm_cfg=norm_cfg)

    def _make_stem_layer(self, in_channels: int, channels: int, num_blocks: int) -> nn.Sequential:
        shared: dict[str, Any] = {'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        return nn.Sequential(
            ConvModule(in_channels, channels, 3, stride=2, padding=1, **shared),
            ConvModule(channels, channels, 3, stride=2, padding=1, **shared),
            self._make_layer(BasicBlock, channels, channels, num_blocks),
            nn.ReLU(),
            self._make_layer(BasicBlock, channels, channels * 2, num_blocks, stride=2),
            nn.ReLU(),
        )

    def _make_layer(self, block: Any, inplanes: int, planes: int, num_blocks: int, stride: int = 1) -> nn.Sequential:
        """Blocks of which the last has no activation at its end."""
        width = planes * block.expansion
        downsample = None
        if stride != 1 or inplanes != width:
            downsample = nn.Sequential(
                nn.Conv2d(inplanes, width, kernel_size=1, stride=stride, bias=False),
                build_norm_layer(self.norm_cfg, width)[1],
            )
        shared: dict[str, Any] = {'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        layers = []
        for index in range(num_blocks):
            out = None if index == num_blocks - 1 else {'type': 'ReLU', 'inplace': True}
            if index == 0:
                layers.append(block(inplanes, planes, stride, downsample, act_cfg_out=out, **shared))
            else:
                layers.append(block(width, planes, act_cfg_out=out, **shared))
        return nn.Sequential(*layers)

    def _upsample(self, x: Tensor, like: Tensor) -> Tensor:
        return resize(x, size=like.shape[2:], mode='bilinear', align_corners=self.align_corners)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.stem(x)
        context = self.context_branch_layers[0](x)
        spatial = self.spatial_branch_layers[0](x)

        compressed = self.compression_1(self.relu(context))
        context = context + self.down_1(self.relu(spatial))
        spatial = spatial + self._upsample(compressed, spatial)
        early = spatial

        context = self.context_branch_layers[1](self.relu(context))
        spatial = self.spatial_branch_layers[1](self.relu(spatial))
        compressed = self.compression_2(self.relu(context))
        context = context + self.down_2(self.relu(spatial))
        spatial = spatial + self._upsample(compressed, spatial)

        spatial = self.spatial_branch_layers[2](self.relu(spatial))
        context = self.spp(self.context_branch_layers[2](self.relu(context)))
        fused = spatial + self._upsample(context, spatial)
        return (early, fused) if self.training else fused
