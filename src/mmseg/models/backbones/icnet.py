"""ICNet (Zhao et al., ICNet for Real-Time Semantic Segmentation on High-Resolution Images)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.psp_head import PPM
from mmseg.models.utils import resize
from mmseg.registry import MODELS


@MODELS.register_module()
class ICNet(BaseModule):
    """The image at three resolutions: the smaller, the more of a backbone it goes through.

    The outputs are of the full image (three convolutions, at 1/8), of the half one (two stages of the backbone, at
    1/16) and of the quarter one (the other stages and pyramid pooling, at 1/32); the last two share the first stages.

    Args:
        backbone_cfg: Of a ResNet with a deep stem.
        layer_channels: Channels of the backbone's second and fourth stage.
        light_branch_middle_channels: Of the convolutions on the full image.
        psp_out_channels: Of the pyramid pooling.
        out_channels: Of the three outputs.
        pool_scales: Sides of the pooling grids.
    """

    def __init__(
        self,
        backbone_cfg: dict,
        in_channels: int = 3,
        layer_channels: Sequence[int] = (512, 2048),
        light_branch_middle_channels: int = 32,
        psp_out_channels: int = 512,
        out_channels: Sequence[int] = (64, 256, 256),
        pool_scales: Sequence[int] = (1, 2, 3, 6),
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN', 'requires_grad': True},
        act_cfg: dict = {'type': 'ReLU'},
        align_corners: bool = False,
        init_cfg: Any = None,
    ) -> None:
        if backbone_cfg is None:
            raise ConfigError('ICNet needs a backbone_cfg, such as that of a ResNetV1c.')
        if init_cfg is None:
            init_cfg = [
                {'type': 'Kaiming', 'mode': 'fan_out', 'layer': 'Conv2d'},
                {'type': 'Constant', 'val': 1, 'layer': '_BatchNorm'},
                {'type': 'Normal', 'mean': 0.01, 'layer': 'Linear'},
            ]
        super().__init__(init_cfg)
        self.align_corners = align_corners
        self.backbone = MODELS.build(backbone_cfg)
        # Odd sides are rounded up, as in the original.
        self.backbone.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1, ceil_mode=True)

        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.psp_modules = PPM(pool_scales, layer_channels[1], psp_out_channels, align_corners=align_corners, **shared)
        self.psp_bottleneck = ConvModule(
            layer_channels[1] + len(pool_scales) * psp_out_channels, psp_out_channels, 3, padding=1, **shared
        )
        width = light_branch_middle_channels
        self.conv_sub1 = nn.Sequential(
            ConvModule(in_channels, width, 3, stride=2, padding=1, **shared),
            ConvModule(width, width, 3, stride=2, padding=1, **shared),
            ConvModule(width, out_channels[0], 3, stride=2, padding=1, **shared),
        )
        self.conv_sub2 = ConvModule(layer_channels[0], out_channels[1], 1, **shared)
        self.conv_sub4 = ConvModule(psp_out_channels, out_channels[2], 1, **shared)

    def _halve(self, x: Tensor) -> Tensor:
        return resize(x, scale_factor=0.5, mode='bilinear', align_corners=self.align_corners)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        full = self.conv_sub1(x)

        x = self.backbone.maxpool(self.backbone.stem(self._halve(x)))
        x = self.backbone.layer2(self.backbone.layer1(x))
        half = self.conv_sub2(x)

        x = self.backbone.layer4(self.backbone.layer3(self._halve(x)))
        x = self.psp_bottleneck(torch.cat([*self.psp_modules(x), x], dim=1))
        return full, half, self.conv_sub4(x)
