"""Several resolutions of the features of a plain transformer."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.model.weight_init import xavier_init
from mmengine.utils.errors import ConfigError
from mmseg.models.utils import resize
from mmseg.registry import MODELS


@MODELS.register_module()
class MultiLevelNeck(nn.Module):
    """Project each input, scale it and convolve it; a single input serves all scales.

    Args:
        scales: Factor of each output.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        scales: Sequence[float] = [0.5, 1, 2, 4],
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.scales = scales
        self.num_outs = len(scales)
        shared: dict[str, Any] = {'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.lateral_convs = nn.ModuleList(
            ConvModule(channels, out_channels, kernel_size=1, **shared) for channels in in_channels
        )
        self.convs = nn.ModuleList(
            ConvModule(out_channels, out_channels, kernel_size=3, padding=1, stride=1, **shared) for _ in scales
        )

    def init_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                xavier_init(module, distribution='uniform')

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        if len(inputs) != len(self.in_channels):
            raise ConfigError(f'MultiLevelNeck has {len(self.in_channels)} in_channels, but got {len(inputs)} inputs.')
        features = [conv(x) for conv, x in zip(self.lateral_convs, inputs, strict=True)]
        if len(features) == 1:
            features = features * self.num_outs
        return tuple(
            conv(resize(x, scale_factor=scale, mode='bilinear'))
            for conv, x, scale in zip(self.convs, features, self.scales, strict=True)
        )
