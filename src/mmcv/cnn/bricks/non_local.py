"""Non-local blocks (arXiv:1711.07971)."""

from typing import Any

import torch
from torch import nn

from mmcv.cnn.bricks.conv_module import ConvModule
from mmengine.model.weight_init import constant_init, normal_init
from mmengine.registry import MODELS

_MODES = ('gaussian', 'embedded_gaussian', 'dot_product', 'concatenation')


class _NonLocalNd(nn.Module):
    """`x + conv_out(weights(x) g(x))`, of which each position attends to all positions.

    Args:
        reduction: the inner channels are `max(in_channels // reduction, 1)`.
        use_scale: divide by the square root of the inner channels (`embedded_gaussian`).
        mode: how the weight of a pair arises: `gaussian`, `embedded_gaussian`, `dot_product`, `concatenation`.
        zeros_init: start as the identity.
    """

    def __init__(
        self,
        in_channels: int,
        reduction: int = 2,
        use_scale: bool = True,
        conv_cfg: dict[str, Any] | None = None,
        norm_cfg: dict[str, Any] | None = None,
        mode: str = 'embedded_gaussian',
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if mode not in _MODES:
            raise ValueError(f'mode should be one of {", ".join(_MODES)}, but got {mode!r}')
        self.in_channels = in_channels
        self.reduction = reduction
        self.use_scale = use_scale
        self.inter_channels = max(in_channels // reduction, 1)
        self.mode = mode
        inner = self.inter_channels
        self.g: nn.Module = ConvModule(in_channels, inner, kernel_size=1, conv_cfg=conv_cfg, act_cfg=None)
        self.conv_out = ConvModule(
            inner, in_channels, kernel_size=1, conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=None
        )
        if mode != 'gaussian':
            self.theta = ConvModule(in_channels, inner, kernel_size=1, conv_cfg=conv_cfg, act_cfg=None)
            self.phi: nn.Module = ConvModule(in_channels, inner, kernel_size=1, conv_cfg=conv_cfg, act_cfg=None)
        if mode == 'concatenation':
            self.concat_project = ConvModule(inner * 2, 1, kernel_size=1, bias=False, act_cfg={'type': 'ReLU'})
        self.init_weights(**kwargs)

    def init_weights(self, std: float = 0.01, zeros_init: bool = True) -> None:
        inner = [self.g] if self.mode == 'gaussian' else [self.g, self.theta, self.phi]
        for module in inner:
            normal_init(module.conv, std=std)  # type: ignore[arg-type]
        last = self.conv_out.conv if self.conv_out.norm_cfg is None else self.conv_out.norm
        if zeros_init:
            constant_init(last, 0)
        else:
            normal_init(last, std=std)

    # The four ways to weigh pairs: theta_x (N, HxW, C), phi_x (N, C, H'xW') to weights (N, HxW, H'xW').

    def gaussian(self, theta_x: torch.Tensor, phi_x: torch.Tensor) -> torch.Tensor:
        return torch.matmul(theta_x, phi_x).softmax(dim=-1)

    def embedded_gaussian(self, theta_x: torch.Tensor, phi_x: torch.Tensor) -> torch.Tensor:
        pairwise_weight = torch.matmul(theta_x, phi_x)
        if self.use_scale:
            pairwise_weight = pairwise_weight / theta_x.shape[-1] ** 0.5
        return pairwise_weight.softmax(dim=-1)

    def dot_product(self, theta_x: torch.Tensor, phi_x: torch.Tensor) -> torch.Tensor:
        pairwise_weight = torch.matmul(theta_x, phi_x)
        return pairwise_weight / pairwise_weight.shape[-1]

    def concatenation(self, theta_x: torch.Tensor, phi_x: torch.Tensor) -> torch.Tensor:
        """Here theta_x is (N, C, HxW, 1) and phi_x (N, C, 1, H'xW')."""
        h, w = theta_x.size(2), phi_x.size(3)
        pairs = torch.cat([theta_x.expand(-1, -1, -1, w), phi_x.expand(-1, -1, h, -1)], dim=1)
        pairwise_weight = self.concat_project(pairs).flatten(1).view(-1, h, w)
        return pairwise_weight / pairwise_weight.shape[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n = x.size(0)
        g_x = self.g(x).flatten(2).transpose(1, 2)
        if self.mode == 'gaussian':
            theta_x = x.flatten(2).transpose(1, 2)
            phi_x = (self.phi(x) if hasattr(self, 'phi') else x).flatten(2)
        elif self.mode == 'concatenation':
            theta_x = self.theta(x).flatten(2).unsqueeze(3)
            phi_x = self.phi(x).flatten(2).unsqueeze(2)
        else:
            theta_x = self.theta(x).flatten(2).transpose(1, 2)
            phi_x = self.phi(x).flatten(2)
        pairwise_weight = getattr(self, self.mode)(theta_x, phi_x)
        y = torch.matmul(pairwise_weight, g_x).transpose(1, 2).reshape(n, self.inter_channels, *x.shape[2:])
        return x + self.conv_out(y)


class _SubSampled(_NonLocalNd):
    _pool: type[nn.Module]
    _window: int | tuple[int, ...]

    def __init__(self, in_channels: int, sub_sample: bool, conv_cfg: dict[str, Any] | None, **kwargs: Any) -> None:
        super().__init__(in_channels, conv_cfg=conv_cfg, **kwargs)
        self.sub_sample = sub_sample
        if sub_sample:
            pool = self._pool(kernel_size=self._window)
            self.g = nn.Sequential(self.g, pool)
            self.phi = pool if self.mode == 'gaussian' else nn.Sequential(self.phi, pool)


class NonLocal1d(_SubSampled):
    """Over `(N, C, L)`. `sub_sample` halves the positions that are attended to by max pooling."""

    _pool, _window = nn.MaxPool1d, 2

    def __init__(
        self,
        in_channels: int,
        sub_sample: bool = False,
        conv_cfg: dict[str, Any] | None = {'type': 'Conv1d'},
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, sub_sample, conv_cfg, **kwargs)


@MODELS.register_module()
class NonLocal2d(_SubSampled):
    """Over `(N, C, H, W)`. `sub_sample` halves both sides of what is attended to by max pooling."""

    _abbr_ = 'nonlocal_block'
    _pool, _window = nn.MaxPool2d, (2, 2)

    def __init__(
        self,
        in_channels: int,
        sub_sample: bool = False,
        conv_cfg: dict[str, Any] | None = {'type': 'Conv2d'},
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, sub_sample, conv_cfg, **kwargs)


class NonLocal3d(_SubSampled):
    """Over `(N, C, T, H, W)`. `sub_sample` halves height and width, not time, of what is attended to."""

    _pool, _window = nn.MaxPool3d, (1, 2, 2)

    def __init__(
        self,
        in_channels: int,
        sub_sample: bool = False,
        conv_cfg: dict[str, Any] | None = {'type': 'Conv3d'},
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, sub_sample, conv_cfg, **kwargs)
