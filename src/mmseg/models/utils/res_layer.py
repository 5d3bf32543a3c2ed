"""A stage of residual blocks."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from mmcv.cnn import build_conv_layer, build_norm_layer
from mmengine.model import Sequential


class ResLayer(Sequential):
    """`num_blocks` residual blocks, of which the first one may change stride and width.

    Args:
        block: Class of the blocks, with `expansion`.
        avg_down: Downsample the shortcut by average pooling before its 1x1 convolution (ResNet-D).
        multi_grid: Dilation of each block, instead of `dilation`.
        contract_dilation: Halve the dilation of the first block, where the stage before was less dilated.
    """

    def __init__(
        self,
        block: Any,
        inplanes: int,
        planes: int,
        num_blocks: int,
        stride: int = 1,
        dilation: int = 1,
        avg_down: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        multi_grid: Sequence[int] | None = None,
        contract_dilation: bool = False,
        **kwargs: Any,
    ) -> None:
        self.block = block
        width = planes * block.expansion

        downsample = None
        if stride != 1 or inplanes != width:
            pool: list[nn.Module] = []
            if avg_down:
                pool = [nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)]
            downsample = nn.Sequential(
                *pool,
                build_conv_layer(
                    conv_cfg, inplanes, width, kernel_size=1, stride=1 if avg_down else stride, bias=False
                ),
                build_norm_layer(norm_cfg, width)[1],
            )

        dilations = list(multi_grid) if multi_grid is not None else [dilation] * num_blocks
        if multi_grid is None and contract_dilation and dilation > 1:
            dilations[0] = dilation // 2

        shared = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, **kwargs)
        layers = [block(inplanes, planes, stride=stride, dilation=dilations[0], downsample=downsample, **shared)]
        layers += [block(width, planes, stride=1, dilation=dilations[i], **shared) for i in range(1, num_blocks)]
        super().__init__(*layers)
