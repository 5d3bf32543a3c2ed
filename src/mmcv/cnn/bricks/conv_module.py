"""Convolution, normalisation and activation in one module."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm

from mmcv.cnn.bricks.activation import build_activation_layer
from mmcv.cnn.bricks.conv import build_conv_layer
from mmcv.cnn.bricks.lookup import layer_class, split_cfg
from mmcv.cnn.bricks.norm import build_norm_layer
from mmcv.cnn.bricks.padding import build_padding_layer
from mmengine.model.efficient_conv_bn_eval import efficient_conv_bn_eval_forward
from mmengine.model.weight_init import constant_init, kaiming_init
from mmengine.registry import MODELS
from mmengine.registry.build_functions import parameters_of

_Size = int | tuple[int, int]

# What folding computes; other convolutions change their filters or their input first.
_PLAIN_FORWARDS = {cls.forward for cls in (nn.Conv1d, nn.Conv2d, nn.Conv3d)}


@MODELS.register_module()
class ConvModule(nn.Module):
    """Convolution, normalisation and activation, in the given order.

    The parts are `self.conv`, `self.norm` (stored under `self.norm_name`, `bn` for batch normalisation) and
    `self.activate`; `self.padding_layer` exists when `padding_mode` is one that the convolution does not do itself.

    Args:
        bias: `'auto'` gives the convolution a bias when no normalisation follows.
        conv_cfg: `None` is `Conv2d`.
        norm_cfg: `None` is none.
        act_cfg: `None` is none.
        inplace: whether the activation overwrites its input, unless `act_cfg` says.
        padding_mode: `zeros`, `circular`, `reflect` or `replicate`.
        order: the names `conv`, `norm`, `act`; `norm` before `conv` normalises the input channels.
        efficient_conv_bn_eval: fold batch normalisation into the convolution while its statistics are fixed
            (arXiv:2305.11624): less memory and time, same gradients.
    """

    _abbr_ = 'conv_block'

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Size,
        stride: _Size = 1,
        padding: _Size = 0,
        dilation: _Size = 1,
        groups: int = 1,
        bias: bool | str = 'auto',
        conv_cfg: dict[str, Any] | None = None,
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = {'type': 'ReLU'},
        inplace: bool = True,
        with_spectral_norm: bool = False,
        padding_mode: str = 'zeros',
        order: tuple[str, ...] = ('conv', 'norm', 'act'),
        efficient_conv_bn_eval: bool = False,
    ) -> None:
        super().__init__()
        for name, cfg in (('conv_cfg', conv_cfg), ('norm_cfg', norm_cfg), ('act_cfg', act_cfg)):
            if not (cfg is None or isinstance(cfg, Mapping)):
                raise TypeError(f'{name} should be a dict or None, but got {cfg!r}')
        if sorted(order) != ['act', 'conv', 'norm']:
            raise ValueError(f"order should hold 'conv', 'norm' and 'act' once each, but got {order!r}")
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        self.inplace = inplace
        self.with_spectral_norm = with_spectral_norm
        self.with_explicit_padding = padding_mode not in ('zeros', 'circular')
        self.order = tuple(order)
        self.with_norm = norm_cfg is not None
        self.with_activation = act_cfg is not None
        self.with_bias = not self.with_norm if bias == 'auto' else bool(bias)

        options: dict[str, Any] = {}
        if self.with_explicit_padding:
            self.padding_layer = build_padding_layer({'type': padding_mode}, padding)
        elif padding_mode != 'zeros':
            options['padding_mode'] = padding_mode
        self.conv: Any = build_conv_layer(
            conv_cfg,
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=0 if self.with_explicit_padding else padding,
            dilation=dilation,
            groups=groups,
            bias=self.with_bias,
            **options,
        )
        self.in_channels = self.conv.in_channels
        self.out_channels = self.conv.out_channels
        self.kernel_size = self.conv.kernel_size
        self.stride = self.conv.stride
        self.padding = padding
        self.dilation = self.conv.dilation
        self.transposed = self.conv.transposed
        self.output_padding = self.conv.output_padding
        self.groups = self.conv.groups
        if with_spectral_norm:
            # The parametrization API would rename the keys of checkpoints.
            self.conv = nn.utils.spectral_norm(self.conv)

        self.norm_name: str | None = None
        if norm_cfg is not None:
            after_conv = self.order.index('norm') > self.order.index('conv')
            self.norm_name, norm = build_norm_layer(norm_cfg, out_channels if after_conv else in_channels)
            self.add_module(self.norm_name, norm)
            if self.with_bias and isinstance(norm, _BatchNorm | _InstanceNorm):
                warnings.warn('a bias before batch or instance normalisation has no effect', stacklevel=2)
        self.turn_on_efficient_conv_bn_eval(efficient_conv_bn_eval)
        if act_cfg is not None:
            act_type, _ = split_cfg(act_cfg, 'activation')
            takes_inplace = 'inplace' in parameters_of(layer_class(act_type, act_cfg))
            defaults = {'inplace': inplace} if takes_inplace else {}
            self.activate = build_activation_layer({**defaults, **act_cfg})
        self.init_weights()

    @property
    def norm(self) -> Any:
        """The normalisation layer, or `None`."""
        return getattr(self, self.norm_name) if self.norm_name else None

    def init_weights(self) -> None:
        """Kaiming initialisation for the activation that follows; a `conv` with `init_weights` has done its own."""
        if not hasattr(self.conv, 'init_weights'):
            if self.act_cfg is not None and self.act_cfg['type'] == 'LeakyReLU':
                kaiming_init(self.conv, a=self.act_cfg.get('negative_slope', 0.01), nonlinearity='leaky_relu')
            else:
                kaiming_init(self.conv, a=0, nonlinearity='relu')
        if self.with_norm:
            constant_init(self.norm, 1, bias=0)

    def forward(self, x: torch.Tensor, activate: bool = True, norm: bool = True) -> torch.Tensor:
        """Map `(N, in_channels, ...)` to `(N, out_channels, ...)`; `activate` and `norm` can switch those off."""
        fold = norm and self._folds()
        for step in self.order:
            if step == 'conv':
                if self.with_explicit_padding:
                    x = self.padding_layer(x)
                x = efficient_conv_bn_eval_forward(self.norm, self.conv, x) if fold else self.conv(x)
            elif step == 'norm' and norm and self.with_norm and not fold:
                x = self.norm(x)
            elif step == 'act' and activate and self.with_activation:
                x = self.activate(x)
        return x

    def turn_on_efficient_conv_bn_eval(self, efficient_conv_bn_eval: bool = True) -> None:
        """Switch folding on or off; it stays off where there is no convolution with batch normalisation to fold."""
        at = self.order.index('conv')
        follows = self.order[at : at + 2] == ('conv', 'norm')
        bn = self.norm
        self.efficient_conv_bn_eval = bool(
            efficient_conv_bn_eval
            and follows
            and isinstance(bn, _BatchNorm)
            and bn.track_running_stats
            and type(self.conv).forward in _PLAIN_FORWARDS
            and not self.with_spectral_norm
        )

    def _folds(self) -> bool:
        return self.efficient_conv_bn_eval and not self.norm.training

    @staticmethod
    def create_from_conv_bn(conv: _ConvNd, bn: _BatchNorm, efficient_conv_bn_eval: bool = True) -> 'ConvModule':
        """A `ConvModule` around existing layers, without activation."""
        self = ConvModule.__new__(ConvModule)
        nn.Module.__init__(self)
        self.conv_cfg = None
        self.norm_cfg = None
        self.act_cfg = None
        self.inplace = False
        self.with_spectral_norm = False
        self.with_explicit_padding = False
        self.order = ('conv', 'norm', 'act')
        self.with_norm = True
        self.with_activation = False
        self.with_bias = conv.bias is not None
        self.conv = conv
        for name in ('in_channels', 'out_channels', 'kernel_size', 'stride', 'padding', 'dilation'):
            setattr(self, name, getattr(conv, name))
        for name in ('transposed', 'output_padding', 'groups'):
            setattr(self, name, getattr(conv, name))
        self.norm_name = 'bn'
        self.add_module('bn', bn)
        self.turn_on_efficient_conv_bn_eval(efficient_conv_bn_eval)
        return self
