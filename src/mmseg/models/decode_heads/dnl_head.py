"""DNLNet head."""

from typing import Any

import torch
from torch import Tensor, nn

from mmcv.cnn import NonLocal2d
from mmseg.models.decode_heads.fcn_context_head import FCNContextHead
from mmseg.registry import MODELS


class DisentangledNonLocal2d(NonLocal2d):
    """A non-local block of a whitened pairwise term and a unary term (section 4).

    Args:
        temperature: By which the scores of `embedded_gaussian` are divided.
    """

    def __init__(self, *arg: Any, temperature: float, **kwargs: Any) -> None:
        super().__init__(*arg, **kwargs)
        self.temperature = temperature
        self.conv_mask = nn.Conv2d(self.in_channels, 1, kernel_size=1)

    def embedded_gaussian(self, theta_x: Tensor, phi_x: Tensor) -> Tensor:
        scores = torch.matmul(theta_x, phi_x)
        if self.use_scale:
            scores = scores / theta_x.shape[-1] ** 0.5
        return (scores / self.temperature).softmax(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        g_x = self.g(x).flatten(2).transpose(1, 2)
        if self.mode == 'gaussian':
            theta_x = x.flatten(2).transpose(1, 2)
            phi_x = (self.phi(x) if self.sub_sample else x).flatten(2)
        elif self.mode == 'concatenation':
            theta_x = self.theta(x).flatten(2).unsqueeze(3)
            phi_x = self.phi(x).flatten(2).unsqueeze(2)
        else:
            theta_x = self.theta(x).flatten(2).transpose(1, 2)
            phi_x = self.phi(x).flatten(2)
        # The means are over positions.
        theta_x = theta_x - theta_x.mean(dim=-2, keepdim=True)
        phi_x = phi_x - phi_x.mean(dim=-1, keepdim=True)
        pairwise = torch.matmul(getattr(self, self.mode)(theta_x, phi_x), g_x).transpose(1, 2)
        pairwise = pairwise.reshape(len(x), self.inter_channels, *x.shape[2:])

        weights = self.conv_mask(x).flatten(2).softmax(dim=-1)
        unary = torch.matmul(weights, g_x).transpose(1, 2).unsqueeze(-1)  # (N, inter_channels, 1, 1)
        return x + self.conv_out(pairwise + unary)


@MODELS.register_module()
class DNLHead(FCNContextHead):
    """A disentangled non-local block (Yin et al., Disentangled Non-Local Neural Networks).

    Args:
        reduction, use_scale, mode: See `NonLocal2d`.
        temperature: See `DisentangledNonLocal2d`.
    """

    def __init__(
        self,
        reduction: int = 2,
        use_scale: bool = True,
        mode: str = 'embedded_gaussian',
        temperature: float = 0.05,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reduction = reduction
        self.use_scale = use_scale
        self.mode = mode
        self.temperature = temperature
        self.dnl_block = DisentangledNonLocal2d(
            in_channels=self.channels,
            reduction=reduction,
            use_scale=use_scale,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            mode=mode,
            temperature=temperature,
        )

    def context(self, x: Tensor) -> Tensor:
        return self.dnl_block(x)
