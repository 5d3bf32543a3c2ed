"""SegNeXt head."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS


class Matrix_Decomposition_2D_Base(nn.Module):
    """A low-rank approximation of the matrix of features (Geng et al., Is Attention Better Than Matrix Decomposition?).

    Args:
        MD_S: Groups of channels that are decomposed apart.
        MD_R: Rank.
        train_steps, eval_steps: Iterations.
        inv_t: Sharpness of the first assignment.
        rand_init: New random bases at each call; otherwise bases are drawn once and kept as a buffer.
    """

    bases: Tensor

    def __init__(
        self,
        MD_S: int = 1,
        MD_R: int = 64,
        train_steps: int = 6,
        eval_steps: int = 7,
        inv_t: float = 100,
        rand_init: bool = True,
    ) -> None:
        super().__init__()
        self.S = MD_S
        self.R = MD_R
        self.train_steps = train_steps
        self.eval_steps = eval_steps
        self.inv_t = inv_t
        self.rand_init = rand_init

    def _build_bases(self, B: int, S: int, D: int, R: int, device: Any = None) -> Tensor:
        """Random bases `(B * S, D, R)`."""
        raise NotImplementedError

    def local_step(self, x: Tensor, bases: Tensor, coef: Tensor) -> tuple[Tensor, Tensor]:
        """Better bases `(B * S, D, R)` and coefficients `(B * S, N, R)` of `x (B * S, D, N)`."""
        raise NotImplementedError

    def compute_coef(self, x: Tensor, bases: Tensor, coef: Tensor) -> Tensor:
        """Better coefficients."""
        raise NotImplementedError

    def local_inference(self, x: Tensor, bases: Tensor) -> tuple[Tensor, Tensor]:
        coef = (self.inv_t * torch.bmm(x.transpose(1, 2), bases)).softmax(dim=-1)
        for _ in range(self.train_steps if self.training else self.eval_steps):
            bases, coef = self.local_step(x, bases, coef)
        return bases, coef

    def forward(self, x: Tensor, return_bases: bool = False) -> Tensor:
        """The approximation of `x (N, C, H, W)`."""
        batch, channels, height, width = x.shape
        depth = channels // self.S
        if self.rand_init:
            bases = self._build_bases(batch, self.S, depth, self.R, device=x.device)
        else:
            if not hasattr(self, 'bases'):
                self.register_buffer('bases', self._build_bases(1, self.S, depth, self.R, device=x.device))
            bases = self.bases.repeat(batch, 1, 1)
        # Sums over all pixels and quotients of small numbers need full precision.
        with torch.autocast(x.device.type, enabled=False):
            flat = x.to(bases.dtype).reshape(batch * self.S, depth, height * width)
            bases, coef = self.local_inference(flat, bases)
            coef = self.compute_coef(flat, bases, coef)
            return torch.bmm(bases, coef.transpose(1, 2)).view_as(x).to(x.dtype)


class NMF2D(Matrix_Decomposition_2D_Base):
    """Non-negative matrix factorisation by multiplicative updates (Lee and Seung); `inv_t` is always 1.

    Args:
        args: Arguments of the base class.
    """

    def __init__(self, args: dict = {}) -> None:
        super().__init__(**args)
        self.inv_t = 1

    def _build_bases(self, B: int, S: int, D: int, R: int, device: Any = None) -> Tensor:
        return F.normalize(torch.rand(B * S, D, R, device=device), dim=1)

    def local_step(self, x: Tensor, bases: Tensor, coef: Tensor) -> tuple[Tensor, Tensor]:
        coef = self.compute_coef(x, bases, coef)
        numerator = torch.bmm(x, coef)
        denominator = bases.bmm(coef.transpose(1, 2).bmm(coef))
        return bases * numerator / (denominator + 1e-6), coef

    def compute_coef(self, x: Tensor, bases: Tensor, coef: Tensor) -> Tensor:
        numerator = torch.bmm(x.transpose(1, 2), bases)
        denominator = coef.bmm(bases.transpose(1, 2).bmm(bases))
        return coef * numerator / (denominator + 1e-6)


class Hamburger(nn.Module):
    """A matrix factorisation between two 1x1 convolutions, added to the input.

    Args:
        ham_kwargs: Arguments of `Matrix_Decomposition_2D_Base`.
    """

    def __init__(
        self, ham_channels: int = 512, ham_kwargs: dict = {}, norm_cfg: dict | None = None, **kwargs: Any
    ) -> None:
        super().__init__()
        self.ham_in = ConvModule(ham_channels, ham_channels, 1, norm_cfg=None, act_cfg=None)
        self.ham = NMF2D(ham_kwargs)
        self.ham_out = ConvModule(ham_channels, ham_channels, 1, norm_cfg=norm_cfg, act_cfg=None)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, ham_channels, H, W)` to the same shape."""
        enjoy = self.ham_out(self.ham(self.ham_in(x).relu()))
        return (x + enjoy).relu()


@MODELS.register_module()
class LightHamHead(BaseDecodeHead):
    """Features of several stages and global context by matrix factorisation (Guo et al., SegNeXt, section 3.2).

    Args:
        ham_channels: Channels of the factorised features.
        ham_kwargs: Arguments of `Matrix_Decomposition_2D_Base`.
    """

    def __init__(self, ham_channels: int = 512, ham_kwargs: dict = {}, **kwargs: Any) -> None:
        super().__init__(input_transform='multiple_select', **kwargs)
        self.ham_channels = ham_channels
        shared: dict[str, Any] = {'conv_cfg': self.conv_cfg, 'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.squeeze = ConvModule(sum(self.in_channels), ham_channels, 1, **shared)
        self.hamburger = Hamburger(ham_channels, ham_kwargs, norm_cfg=self.norm_cfg)
        self.align = ConvModule(ham_channels, self.channels, 1, **shared)

    def forward(self, inputs: Any) -> Tensor:
        features = self._transform_inputs(inputs)
        size = features[0].shape[2:]
        features = [resize(x, size=size, mode='bilinear', align_corners=self.align_corners) for x in features]
        return self.cls_seg(self.align(self.hamburger(self.squeeze(torch.cat(features, dim=1)))))
