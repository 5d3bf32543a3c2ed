"""Fast-SCNN (Poudel et al., Fast-SCNN: Fast Semantic Segmentation Network)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from mmengine.model import BaseModule
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.psp_head import PPM
from mmseg.models.utils import InvertedResidual, resize
from mmseg.registry import MODELS


class LearningToDownsample(nn.Module):
    """A convolution and two depthwise separable ones, each of stride 2.

    Args:
        dw_channels: Channels after the first and the second of them.
        dw_act_cfg: Activation after the depthwise convolutions; None: none.
    """

    def __init__(
        self,
        in_channels: int,
        dw_channels: Sequence[int],
        out_channels: int,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        dw_act_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        first, second = dw_channels
        shared: dict[str, Any] = {'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.conv = ConvModule(in_channels, first, 3, stride=2, padding=1, conv_cfg=conv_cfg, **shared)
        shared = {'norm_cfg': norm_cfg, 'dw_act_cfg': dw_act_cfg}
        self.dsconv1 = DepthwiseSeparableConvModule(first, second, 3, stride=2, padding=1, **shared)
        self.dsconv2 = DepthwiseSeparableConvModule(second, out_channels, 3, stride=2, padding=1, **shared)

    def forward(self, x: Tensor) -> Tensor:
        return self.dsconv2(self.dsconv1(self.conv(x)))


class GlobalFeatureExtractor(nn.Module):
    """Inverted residuals and pyramid pooling.

    Args:
        num_blocks, strides: Of the three bottleneck stages.
    """

    bottleneck1: nn.Sequential
    bottleneck2: nn.Sequential
    bottleneck3: nn.Sequential

    def __init__(
        self,
        in_channels: int = 64,
        block_channels: Sequence[int] = (64, 96, 128),
        out_channels: int = 128,
        expand_ratio: int = 6,
        num_blocks: Sequence[int] = (3, 3, 3),
        strides: Sequence[int] = (2, 2, 1),
        pool_scales: Sequence[int] = (1, 2, 3, 6),
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        if not len(block_channels) == len(num_blocks) == len(strides) == 3:
            raise ConfigError('Fast-SCNN has three bottleneck stages: give three channels, numbers and strides.')
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        width = in_channels
        for index, (channels, blocks, stride) in enumerate(zip(block_channels, num_blocks, strides, strict=True)):
            setattr(self, f'bottleneck{index + 1}', self._make_layer(width, channels, blocks, stride, expand_ratio))
            width = channels
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.ppm = PPM(pool_scales, width, width // 4, align_corners=align_corners, **shared)
        self.out = ConvModule(width + len(pool_scales) * (width // 4), out_channels, 3, padding=1, **shared)

    def _make_layer(
        self, in_channels: int, out_channels: int, blocks: int, stride: int = 1, expand_ratio: int = 6
    ) -> nn.Sequential:
        return nn.Sequential(
            *[
                InvertedResidual(
                    out_channels if index else in_channels,
                    out_channels,
                    1 if index else stride,
                    expand_ratio,
                    norm_cfg=self.norm_cfg,
                    act_cfg=self.act_cfg,
                )
                for index in range(blocks)
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.bottleneck3(self.bottleneck2(self.bottleneck1(x)))
        return self.out(torch.cat([x, *self.ppm(x)], dim=1))


class FeatureFusionModule(nn.Module):
    """Sum of a fine feature and an upsampled coarse one."""

    def __init__(
        self,
        higher_in_channels: int,
        lower_in_channels: int,
        out_channels: int,
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        dwconv_act_cfg: dict | None = {'type': 'ReLU'},
        conv_act_cfg: dict | None = None,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg}
        self.dwconv = ConvModule(
            lower_in_channels, out_channels, 3, padding=1, groups=out_channels, act_cfg=dwconv_act_cfg, **shared
        )
        self.conv_lower_res = ConvModule(out_channels, out_channels, 1, act_cfg=conv_act_cfg, **shared)
        self.conv_higher_res = ConvModule(higher_in_channels, out_channels, 1, act_cfg=conv_act_cfg, **shared)
        self.relu = nn.ReLU(True)

    def forward(self, higher_res_feature: Tensor, lower_res_feature: Tensor) -> Tensor:
        lower = resize(
            lower_res_feature,
            size=higher_res_feature.shape[2:],
            mode='bilinear',
            align_corners=self.align_corners,
        )
        return self.relu(self.conv_higher_res(higher_res_feature) + self.conv_lower_res(self.dwconv(lower)))


@MODELS.register_module()
class FastSCNN(BaseModule):
    """Fast-SCNN: a shallow shared stem, a deep coarse branch and their fusion.

    Args:
        out_indices: Which of: 0, the stem's feature; 1, the coarse one; 2, the fused one.
        dw_act_cfg: Activation after the stem's depthwise convolutions; None: none.
    """

    def __init__(
        self,
        in_channels: int = 3,
        downsample_dw_channels: Sequence[int] = (32, 48),
        global_in_channels: int = 64,
        global_block_channels: Sequence[int] = (64, 96, 128),
        global_block_strides: Sequence[int] = (2, 2, 1),
        global_out_channels: int = 128,
        higher_in_channels: int = 64,
        lower_in_channels: int = 128,
        fusion_out_channels: int = 128,
        out_indices: Sequence[int] = (0, 1, 2),
        conv_cfg: dict | None = None,
        norm_cfg: dict = {'type': 'BN'},
        act_cfg: dict = {'type': 'ReLU'},
        align_corners: bool = False,
        dw_act_cfg: dict | None = None,
        init_cfg: Any = None,
    ) -> None:
        if init_cfg is None:
            init_cfg = [
                {'type': 'Kaiming', 'layer': 'Conv2d'},
                {'type': 'Constant', 'val': 1, 'layer': ['_BatchNorm', 'GroupNorm']},
            ]
        super().__init__(init_cfg)
        if global_in_channels != higher_in_channels or global_out_channels != lower_in_channels:
            raise ConfigError(
                'Both branches of Fast-SCNN are fused: global_in_channels '
                f'({global_in_channels}) should be higher_in_channels ({higher_in_channels}) and global_out_channels '
                f'({global_out_channels}) lower_in_channels ({lower_in_channels}).'
            )
        self.in_channels = in_channels
        self.out_indices = out_indices
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        self.align_corners = align_corners
        shared: dict[str, Any] = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg}
        self.learning_to_downsample = LearningToDownsample(
            in_channels, downsample_dw_channels, global_in_channels, act_cfg=act_cfg, dw_act_cfg=dw_act_cfg, **shared
        )
        self.global_feature_extractor = GlobalFeatureExtractor(
            global_in_channels,
            global_block_channels,
            global_out_channels,
            strides=global_block_strides,
            act_cfg=act_cfg,
            align_corners=align_corners,
            **shared,
        )
        self.feature_fusion = FeatureFusionModule(
            higher_in_channels,
            lower_in_channels,
            fusion_out_channels,
            dwconv_act_cfg=act_cfg,
            align_corners=align_corners,
            **shared,
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        higher = self.learning_to_downsample(x)
        lower = self.global_feature_extractor(higher)
        outs = (higher, lower, self.feature_fusion(higher, lower))
        return tuple(outs[index] for index in self.out_indices)
