"""EMANet head."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmengine.dist import all_reduce
from mmengine.utils.errors import ConfigError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS


def reduce_mean(tensor: Tensor) -> Tensor:
    """The mean over all processes, in a new tensor."""
    tensor = tensor.clone()
    all_reduce(tensor, op='mean')
    return tensor


class EMAModule(nn.Module):
    """Rebuild features from a few bases found by expectation maximisation (section 3.2 and 3.3).

    The iterations, and so the result, carry no gradient.

    Args:
        num_stages: Iterations.
        momentum: Share of the new bases in the running ones, which are a buffer.
    """

    bases: Tensor

    def __init__(self, channels: int, num_bases: int, num_stages: int, momentum: float) -> None:
        super().__init__()
        if num_stages < 1:
            raise ConfigError(f'num_stages of EMAModule should be at least 1, but is {num_stages}.')
        self.num_stages = num_stages
        self.momentum = momentum
        bases = torch.empty(1, channels, num_bases).normal_(0, (2.0 / num_bases) ** 0.5)
        self.register_buffer('bases', F.normalize(bases, dim=1))

    @torch.no_grad()
    def forward(self, feats: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape."""
        flat = feats.flatten(2)
        bases = self.bases.expand(len(feats), -1, -1)
        for _ in range(self.num_stages):
            attention = torch.einsum('bcn,bck->bnk', flat, bases).softmax(dim=2)
            bases = torch.einsum('bcn,bnk->bck', flat, F.normalize(attention, p=1, dim=1))
            bases = F.normalize(bases, dim=1)
        recon = torch.einsum('bck,bnk->bcn', bases, attention).view_as(feats)
        if self.training:
            mean = F.normalize(reduce_mean(bases.mean(dim=0, keepdim=True)), dim=1)
            self.bases.lerp_(mean.to(self.bases.dtype), self.momentum)
        return recon


@MODELS.register_module()
class EMAHead(BaseDecodeHead):
    """Attention by expectation maximisation (Li et al., Expectation-Maximization Attention Networks).

    Args:
        ema_channels: Channels of the bases.
        num_bases, num_stages, momentum: See `EMAModule`.
        concat_input: Concatenate the input to the result and convolve once more.
    """

    def __init__(
        self,
        ema_channels: int,
        num_bases: int,
        num_stages: int,
        concat_input: bool = True,
        momentum: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ema_channels = ema_channels
        self.num_bases = num_bases
        self.num_stages = num_stages
        self.concat_input = concat_input
        self.momentum = momentum
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg}
        self.ema_module = EMAModule(ema_channels, num_bases, num_stages, momentum)
        self.ema_in_conv = ConvModule(self.in_channels, ema_channels, 3, padding=1, **shared, act_cfg=self.act_cfg)
        # No gradient comes through the iterations.
        self.ema_mid_conv = ConvModule(
            ema_channels, ema_channels, 1, conv_cfg=self.conv_cfg, norm_cfg=None, act_cfg=None
        ).requires_grad_(False)
        self.ema_out_conv = ConvModule(ema_channels, ema_channels, 1, **shared, act_cfg=None)
        self.bottleneck = ConvModule(ema_channels, self.channels, 3, padding=1, **shared, act_cfg=self.act_cfg)
        if concat_input:
            self.conv_cat = ConvModule(
                self.in_channels + self.channels, self.channels, 3, padding=1, **shared, act_cfg=self.act_cfg
            )

    def forward(self, inputs: Any) -> Tensor:
        x = self._transform_inputs(inputs)
        feats = self.ema_in_conv(x)
        recon = self.ema_out_conv(self.ema_module(self.ema_mid_conv(feats)).relu())
        out = self.bottleneck(F.relu(feats + recon))
        if self.concat_input:
            out = self.conv_cat(torch.cat([x, out], dim=1))
        return self.cls_seg(out)
