"""Multi-level feature aggregation."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmcv.cnn import ConvModule, build_norm_layer
from mmseg.models.utils import nchw2nlc2nchw
from mmseg.registry import MODELS


class MLAModule(nn.Module):
    """Projections of the inputs, summed from the last to the first, each sum convolved."""

    def __init__(
        self,
        in_channels: Sequence[int] = [1024, 1024, 1024, 1024],
        out_channels: int = 256,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        shared: dict[str, Any] = {'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.channel_proj = nn.ModuleList(
            ConvModule(channels, out_channels, kernel_size=1, **shared) for channels in in_channels
        )
        self.feat_extract = nn.ModuleList(
            ConvModule(out_channels, out_channels, kernel_size=3, padding=1, **shared) for _ in in_channels
        )

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The sums, that of the last input alone first."""
        projected = [conv(x) for conv, x in zip(self.channel_proj, inputs, strict=True)]
        sums = [projected[-1]]
        for x in projected[-2::-1]:
            sums.append(sums[-1] + x)
        return tuple(conv(x) for conv, x in zip(self.feat_extract, sums, strict=True))


@MODELS.register_module()
class MLANeck(nn.Module):
    """Multi-level feature aggregation of SETR (Zheng et al., arXiv:2012.15840, section 3.2).

    Args:
        norm_layer: Normalises the channels of the inputs; `norm_cfg` is for convolutions.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        norm_layer: dict = {'type': 'LN', 'eps': 1e-6, 'requires_grad': True},
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.norm = nn.ModuleList(build_norm_layer(norm_layer, channels)[1] for channels in in_channels)
        self.mla = MLAModule(in_channels, out_channels, norm_cfg, act_cfg)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps `(N, C_i, H, W)` of one size to as many `(N, out_channels, H, W)`."""
        return self.mla([nchw2nlc2nchw(norm, x) for norm, x in zip(self.norm, inputs, strict=True)])
