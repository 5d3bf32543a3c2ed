"""PSANet head."""

from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmcv.ops import PSAMask
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS

_TYPES = ('collect', 'distribute', 'bi-direction')


@MODELS.register_module()
class PSAHead(BaseDecodeHead):
    """Point-wise spatial attention (Zhao et al., PSANet).

    Args:
        mask_size: Height and width of the window of attention around a pixel.
        psa_type: `'collect'`: a pixel says what it takes from others; `'distribute'`: what it gives to others;
            `'bi-direction'`: both.
        compact: The channels of the attention are the pixels of the map themselves, not those of a window; the map
            must then have `mask_size` pixels in all.
        shrink_factor: Attention is computed on a map that is smaller by this factor.
        normalization_factor: By which the result is divided; None: the size of the window.
        psa_softmax: Whether attention is normalised by a softmax.
    """

    def __init__(
        self,
        mask_size: tuple[int, int],
        psa_type: str = 'bi-direction',
        compact: bool = False,
        shrink_factor: int = 2,
        normalization_factor: float | None = 1.0,
        psa_softmax: bool = True,
        **kwargs: Any,
    ) -> None:
        if psa_type not in _TYPES:
            raise ConfigError(f'psa_type should be one of {", ".join(_TYPES)}, but is {psa_type!r}.')
        super().__init__(**kwargs)
        self.psa_type = psa_type
        self.compact = compact
        self.shrink_factor = shrink_factor
        self.mask_size = mask_size
        window = mask_size[0] * mask_size[1]
        self.normalization_factor = window if normalization_factor is None else normalization_factor
        self.psa_softmax = psa_softmax
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        width = self.channels

        def branch() -> tuple[nn.Module, nn.Module]:
            attention = nn.Sequential(ConvModule(width, width, 1, **shared), nn.Conv2d(width, window, 1, bias=False))
            return ConvModule(self.in_channels, width, 1, **shared), attention

        self.reduce, self.attention = branch()
        mask_size = (mask_size[0], mask_size[1])
        if psa_type == 'bi-direction':
            self.reduce_p, self.attention_p = branch()
            if not compact:
                self.psamask_collect = PSAMask('collect', mask_size)
                self.psamask_distribute = PSAMask('distribute', mask_size)
            width *= 2
        elif not compact:
            self.psamask = PSAMask(psa_type, mask_size)
        # Padding of a 1x1 convolution is odd, but the published weights were trained with it.
        self.proj = ConvModule(width, self.in_channels, 1, padding=1, **shared)
        self.bottleneck = ConvModule(self.in_channels * 2, self.channels, 3, padding=1, **shared)

    def forward(self, inputs: Any) -> Tensor:
        x = self._transform_inputs(inputs)
        if self.psa_type == 'bi-direction':
            out = torch.cat(
                [
                    self._attend(x, self.reduce, self.attention, getattr(self, 'psamask_collect', None), False),
                    self._attend(x, self.reduce_p, self.attention_p, getattr(self, 'psamask_distribute', None), True),
                ],
                dim=1,
            )
        else:
            mask = getattr(self, 'psamask', None)
            out = self._attend(x, self.reduce, self.attention, mask, self.psa_type == 'collect')
        out = resize(
            self.proj(out),
            size=x.shape[2:],
            mode='bilinear',
            align_corners=self._shrunk(*x.shape[2:])[1],
        )
        return self.cls_seg(self.bottleneck(torch.cat([x, out], dim=1)))

    def _shrunk(self, h: int, w: int) -> tuple[tuple[int, int], bool]:
        """The size of the map of attention, and whether to align corners on the way there and back."""
        factor = self.shrink_factor
        if factor == 1:
            return (h, w), self.align_corners
        if h % factor and w % factor:
            return ((h - 1) // factor + 1, (w - 1) // factor + 1), True
        return (h // factor, w // factor), False

    def _attend(self, x: Tensor, reduce: Any, attention: Any, mask: PSAMask | None, transpose: bool) -> Tensor:
        """One direction. A compact attention is transposed as the published models do it."""
        x = reduce(x)
        if self.shrink_factor != 1:
            size, align_corners = self._shrunk(*x.shape[2:])
            x = resize(x, size=size, mode='bilinear', align_corners=align_corners)
        n, c, h, w = x.shape
        y = attention(x)
        if mask is not None:
            y = mask(y)
        elif y.shape[1] != h * w:
            raise ConfigError(
                f'A compact PSAHead with mask_size {tuple(self.mask_size)} needs maps of {y.shape[1]} pixels, but got '
                f'{h} x {w} (after shrink_factor={self.shrink_factor}).'
            )
        y = y.flatten(2)
        if mask is None and transpose:
            y = y.transpose(1, 2)
        if self.psa_softmax:
            y = y.softmax(dim=1)
        return torch.bmm(x.flatten(2), y).view(n, c, h, w) * (1.0 / self.normalization_factor)
