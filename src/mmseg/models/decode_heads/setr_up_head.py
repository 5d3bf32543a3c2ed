"""Naive and progressive upsampling heads of SETR."""

from typing import Any

from torch import Tensor, nn

from mmcv.cnn import ConvModule, build_norm_layer
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import Upsample, nchw2nlc2nchw
from mmseg.registry import MODELS


@MODELS.register_module()
class SETRUPHead(BaseDecodeHead):
    """Convolutions that are upsampled after (Zheng et al., arXiv:2012.15840, section 3.2).

    Args:
        norm_layer: Normalises the channels of the input.
        num_convs: Number of convolutions; `up_scale`: factor after each; `kernel_size`: 1 or 3.
    """

    def __init__(
        self,
        norm_layer: dict = {'type': 'LN', 'eps': 1e-6, 'requires_grad': True},
        num_convs: int = 1,
        up_scale: int = 4,
        kernel_size: int = 3,
        init_cfg: Any = [
            {'type': 'Constant', 'val': 1.0, 'bias': 0, 'layer': 'LayerNorm'},
            {'type': 'Normal', 'std': 0.01, 'override': {'name': 'conv_seg'}},
        ],
        **kwargs: Any,
    ) -> None:
        if kernel_size not in (1, 3):
            raise ConfigError(f'kernel_size of SETRUPHead should be 1 or 3, but is {kernel_size!r}.')
        super().__init__(init_cfg=init_cfg, **kwargs)
        self.norm = build_norm_layer(norm_layer, self.in_channels)[1]
        self.up_convs = nn.ModuleList(
            nn.Sequential(
                ConvModule(
                    in_channels=self.channels if index else self.in_channels,
                    out_channels=self.channels,
                    kernel_size=kernel_size,
                    padding=kernel_size // 2,
                    norm_cfg=self.norm_cfg,
                    act_cfg=self.act_cfg,
                ),
                Upsample(scale_factor=up_scale, mode='bilinear', align_corners=self.align_corners),
            )
            for index in range(num_convs)
        )

    def forward(self, x: Any) -> Tensor:
        out = nchw2nlc2nchw(self.norm, self._transform_inputs(x), contiguous=True)
        for up_conv in self.up_convs:
            out = up_conv(out)
        return self.cls_seg(out)
