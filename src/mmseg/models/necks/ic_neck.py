"""The neck of ICNet."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.utils import resize
from mmseg.registry import MODELS


class CascadeFeatureFusion(BaseModule):
    """The sum of a coarse feature, resized and convolved, and a fine one (ICNet, section 3.3)."""

    def __init__(
        self,
        low_channels: int,
        high_channels: int,
        out_channels: int,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        align_corners: bool = False,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.align_corners = align_corners
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.conv_low = ConvModule(low_channels, out_channels, 3, padding=2, dilation=2, **shared)
        self.conv_high = ConvModule(high_channels, out_channels, 1, **shared)

    def forward(self, x_low: Tensor, x_high: Tensor) -> tuple[Tensor, Tensor]:
        """The fusion, and the resized coarse feature, for an auxiliary loss."""
        x_low = resize(x_low, size=x_high.shape[2:], mode='bilinear', align_corners=self.align_corners)
        x_low = self.conv_low(x_low)
        return F.relu(x_low + self.conv_high(x_high)), x_low


@MODELS.register_module()
class ICNeck(BaseModule):
    """Fuses the three resolutions of ICNet, from coarse to fine.

    Args:
        in_channels: Of the inputs, finest first.
        out_channels: Of each output.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (64, 256, 256),
        out_channels: int = 128,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        align_corners: bool = False,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        if len(in_channels) != 3:
            raise ConfigError(f'in_channels of ICNeck should have three entries, but is {in_channels!r}.')
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        self.align_corners = align_corners
        shared: dict[str, Any] = {
            'conv_cfg': conv_cfg,
            'norm_cfg': norm_cfg,
            'act_cfg': act_cfg,
            'align_corners': align_corners,
        }
        full, half, quarter = in_channels
        self.cff_24 = CascadeFeatureFusion(quarter, half, out_channels, **shared)
        self.cff_12 = CascadeFeatureFusion(out_channels, full, out_channels, **shared)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Two features for auxiliary losses, coarse first, and the fusion, for the decode head."""
        full, half, quarter = inputs
        fused, coarse = self.cff_24(quarter, half)
        fused, fine = self.cff_12(fused, full)
        return coarse, fine, fused
