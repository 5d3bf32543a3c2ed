"""PIDNet (Xu et al., PIDNet: A Real-time Semantic Segmentation Network Inspired by PID Controllers)."""

from typing import Any

from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.models.utils import DAPPM, PAPPM, BasicBlock, Bottleneck, resize
from mmseg.registry import MODELS
from mmseg.utils.typing_utils import ConfigType, OptConfigType


class PagFM(BaseModule):
    """Pixel-attention-guided fusion: each pixel takes more from the coarse feature the more it agrees (section 4.2).

    Args:
        channels: In which the features are compared.
        after_relu: Activate the inputs first.
        with_channel: Decide for each channel, not only for each pixel.
        act_cfg: Of no use; kept for the configs that give it.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        after_relu: bool = False,
        with_channel: bool = False,
        upsample_mode: str = 'bilinear',
        norm_cfg: ConfigType = {'type': 'BN'},
        act_cfg: ConfigType = {'type': 'ReLU', 'inplace': True},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.after_relu = after_relu
        self.with_channel = with_channel
        self.upsample_mode = upsample_mode
        plain: dict[str, Any] = {'norm_cfg': norm_cfg, 'act_cfg': None}
        self.f_i = ConvModule(in_channels, channels, 1, **plain)
        self.f_p = ConvModule(in_channels, channels, 1, **plain)
        if with_channel:
            self.up = ConvModule(channels, in_channels, 1, **plain)
        if after_relu:
            self.relu = nn.ReLU()

    def _resize(self, x: Tensor, like: Tensor) -> Tensor:
        align_corners = None if self.upsample_mode in ('nearest', 'area') else False
        return resize(x, size=like.shape[2:], mode=self.upsample_mode, align_corners=align_corners)

    def forward(self, x_p: Tensor, x_i: Tensor) -> Tensor:
        """The fine feature `x_p` and the coarse `x_i`, of equal channels, to the shape of `x_p`."""
        if self.after_relu:
            x_p, x_i = self.relu(x_p), self.relu(x_i)
        agreement = self.f_p(x_p) * self._resize(self.f_i(x_i), x_p)
        gate = self.up(agreement) if self.with_channel else agreement.sum(dim=1, keepdim=True)
        gate = gate.sigmoid()
        return gate * self._resize(x_i, x_p) + (1 - gate) * x_p


class Bag(BaseModule):
    """Boundary-attention-guided fusion: detail at boundaries, context elsewhere, convolved (section 4.4).

    Args:
        conv_cfg: Further arguments of the ConvModule (not only of its convolution).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        padding: int = 1,
        norm_cfg: ConfigType = {'type': 'BN'},
        act_cfg: ConfigType = {'type': 'ReLU', 'inplace': True},
        conv_cfg: OptConfigType = {'order': ('norm', 'act', 'conv')},
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.conv = ConvModule(
            in_channels,
            out_channels,
            kernel_size,
            padding=padding,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
            **(conv_cfg or {}),
        )

    def forward(self, x_p: Tensor, x_i: Tensor, x_d: Tensor) -> Tensor:
        """Detail, context and boundary features, of equal shape."""
        gate = x_d.sigmoid()
        return self.conv(gate * x_p + (1 - gate) * x_i)


class LightBag(BaseModule):
    """The same fusion by two pointwise convolutions (section 4.4)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        norm_cfg: ConfigType = {'type': 'BN'},
        act_cfg: OptConfigType = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.f_p = ConvModule(in_channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.f_i = ConvModule(in_channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=act_cfg)

    def forward(self, x_p: Tensor, x_i: Tensor, x_d: Tensor) -> Tensor:
        """Detail, context and boundary features, of equal shape."""
        gate = x_d.sigmoid()
        return self.f_p((1 - gate) * x_i + x_p) + self.f_i(x_i + gate * x_p)


@MODELS.register_module()
class PIDNet(BaseModule):
    """Three branches: detail (P) and boundaries (D) at 1/8 of the input, context (I) down to 1/64.

    Returns the fused feature `(N, 4 * channels, H / 8, W / 8)`; in training a tuple of the detail branch after its
    first fusion, the fused feature, and the boundary branch after its second, for auxiliary losses.

    Args:
        channels: Of the stem.
        ppm_channels: Of each scale of the pyramid pooling.
        num_stem_blocks: Of each stage of the stem, and of the first two of the detail branch. 2 gives the light
            pooling, fusion and boundary branch of PIDNet-S and -M.
        num_branch_blocks: Of the first two stages of the context branch.
    """

    def __init__(
        self,
        in_channels: int = 3,
        channels: int = 64,
        ppm_channels: int = 96,
        num_stem_blocks: int = 2,
        num_branch_blocks: int = 3,
        align_corners: bool = False,
        norm_cfg: ConfigType = {'type': 'BN'},
        act_cfg: ConfigType = {'type': 'ReLU', 'inplace': True},
        init_cfg: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg, **kwargs)
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        self.align_corners = align_corners
        width = channels * 2
        self.stem = self._make_stem_layer(in_channels, channels, num_stem_blocks)
        self.relu = nn.ReLU()
        self.i_branch_layers = nn.ModuleList(
            [
                self._make_layer(BasicBlock, width, channels * 4, num_branch_blocks, stride=2),
                self._make_layer(BasicBlock, channels * 4, channels * 8, num_branch_blocks, stride=2),
                self._make_layer(Bottleneck, channels * 8, channels * 8, 2, stride=2),
            ]
        )
        self.p_branch_layers = nn.ModuleList(
            [
                self._make_layer(BasicBlock, width, width, num_stem_blocks),
                self._make_layer(BasicBlock, width, width, num_stem_blocks),
                self._make_layer(Bottleneck, width, width, 1),
            ]
        )
        plain: dict[str, Any] = {'norm_cfg': norm_cfg, 'act_cfg': None}
        self.compression_1 = ConvModule(channels * 4, width, 1, **plain)
        self.compression_2 = ConvModule(channels * 8, width, 1, **plain)
        self.pag_1 = PagFM(width, channels, norm_cfg=norm_cfg)
        self.pag_2 = PagFM(width, channels, norm_cfg=norm_cfg)

        light = num_stem_blocks == 2
        narrow = channels if light else width
        boundary: list[nn.Module] = [
            self._make_single_layer(BasicBlock, width, narrow),
            self._make_layer(Bottleneck, narrow, narrow, 1)
            if light
            else self._make_single_layer(BasicBlock, narrow, narrow),
            self._make_layer(Bottleneck, width, width, 1),
        ]
        self.d_branch_layers = nn.ModuleList(boundary)
        self.diff_1 = ConvModule(channels * 4, narrow, 3, padding=1, **plain)
        self.diff_2 = ConvModule(channels * 8, width, 3, padding=1, **plain)

        pooling = PAPPM if light else DAPPM
        self.spp = pooling(channels * 16, ppm_channels, channels * 4, num_scales=5, norm_cfg=norm_cfg)
        if light:
            self.dfm: nn.Module = LightBag(channels * 4, channels * 4, norm_cfg=norm_cfg)
        else:
            self.dfm = Bag(channels * 4, channels * 4, norm_cfg=norm_cfg, act_cfg=act_cfg)

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

    def _make_layer(
        self, block: Any, in_channels: int, channels: int, num_blocks: int, stride: int = 1
    ) -> nn.Sequential:
        """Blocks of which the last of several has no activation at its end."""
        width = channels * block.expansion
        layers = [self._make_block(block, in_channels, channels, stride)]
        layers += [self._make_block(block, width, channels) for _ in range(num_blocks - 2)]
        if num_blocks > 1:
            layers.append(self._make_single_layer(block, width, channels))
        return nn.Sequential(*layers)

    def _make_single_layer(self, block: Any, in_channels: int, channels: int, stride: int = 1) -> nn.Module:
        """A block without activation at its end."""
        return self._make_block(block, in_channels, channels, stride, act_cfg_out=None)

    def _make_block(self, block: Any, in_channels: int, channels: int, stride: int = 1, **kwargs: Any) -> nn.Module:
        width = channels * block.expansion
        downsample = None
        if stride != 1 or in_channels != width:
            downsample = ConvModule(in_channels, width, 1, stride=stride, norm_cfg=self.norm_cfg, act_cfg=None)
        return block(in_channels, channels, stride, downsample, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg, **kwargs)

    def _upsample(self, x: Tensor, like: Tensor) -> Tensor:
        return resize(x, size=like.shape[2:], mode='bilinear', align_corners=self.align_corners)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        x = self.stem(x)
        x_i = self.relu(self.i_branch_layers[0](x))
        x_p = self.pag_1(self.p_branch_layers[0](x), self.compression_1(x_i))
        x_d = self.d_branch_layers[0](x)
        x_d = x_d + self._upsample(self.diff_1(x_i), x_d)
        early_p = x_p

        x_i = self.relu(self.i_branch_layers[1](x_i))
        x_p = self.pag_2(self.p_branch_layers[1](self.relu(x_p)), self.compression_2(x_i))
        x_d = self.d_branch_layers[1](self.relu(x_d))
        x_d = x_d + self._upsample(self.diff_2(x_i), x_d)
        early_d = x_d

        x_p = self.p_branch_layers[2](self.relu(x_p))
        x_d = self.d_branch_layers[2](self.relu(x_d))
        x_i = self._upsample(self.spp(self.i_branch_layers[2](x_i)), x_p)
        fused = self.dfm(x_p, x_i, x_d)
        return (early_p, fused, early_d) if self.training else fused
