"""From images to sequences of patches."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from mmcv.cnn.bricks.conv import build_conv_layer
from mmcv.cnn.bricks.norm import build_norm_layer
from mmengine.model.base_module import BaseModule
from mmengine.utils import to_2tuple

_Size = int | tuple[int, int]


class AdaptivePadding(nn.Module):
    """Zero padding to a size that windows of the given form cover completely.

    Args:
        padding: `corner` pads at right and bottom, `same` on both sides (the odd pixel at right and bottom).
    """

    def __init__(self, kernel_size: _Size = 1, stride: _Size = 1, dilation: _Size = 1, padding: str = 'corner') -> None:
        super().__init__()
        if padding not in ('same', 'corner'):
            raise ValueError(f"padding should be 'same' or 'corner', but got {padding!r}")
        self.padding = padding
        self.kernel_size = to_2tuple(kernel_size)
        self.stride = to_2tuple(stride)
        self.dilation = to_2tuple(dilation)

    def get_pad_shape(self, input_shape: tuple[int, int]) -> tuple[int, int]:
        """How many rows and columns to add to an input of `(H, W)`."""
        pads = []
        for size, kernel, stride, dilation in zip(
            input_shape, self.kernel_size, self.stride, self.dilation, strict=True
        ):
            needed = (math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1
            pads.append(max(needed - size, 0))
        return pads[0], pads[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pad_h, pad_w = self.get_pad_shape((x.shape[-2], x.shape[-1]))
        if pad_h == 0 and pad_w == 0:
            return x
        if self.padding == 'corner':
            return F.pad(x, [0, pad_w, 0, pad_h])
        return F.pad(x, [pad_w // 2, pad_w - pad_w // 2, pad_h // 2, pad_h - pad_h // 2])


class PatchEmbed(BaseModule):
    """Cut an image into patches with a convolution, and embed them.

    Args:
        stride: `None` is the kernel size.
        padding: `corner` or `same` (see `AdaptivePadding`), an int or a pair for ordinary padding, `None` for none.
        norm_cfg: normalises the embedded patches; `None` is none.
        input_size: `(H, W)` of the images, for which `init_out_size` is then the number of patches a side.
    """

    def __init__(
        self,
        in_channels: int = 3,
        embed_dims: int = 768,
        conv_type: str = 'Conv2d',
        kernel_size: _Size = 16,
        stride: _Size | None = 16,
        padding: str | _Size | None = 'corner',
        dilation: _Size = 1,
        bias: bool = True,
        norm_cfg: dict[str, Any] | None = None,
        input_size: _Size | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.embed_dims = embed_dims
        stride = kernel_size if stride is None else stride
        self.adaptive_padding, conv_padding = _split_padding(padding, kernel_size, stride, dilation)
        self.projection: Any = build_conv_layer(
            {'type': conv_type},
            in_channels=in_channels,
            out_channels=embed_dims,
            kernel_size=to_2tuple(kernel_size),
            stride=to_2tuple(stride),
            padding=conv_padding,
            dilation=to_2tuple(dilation),
            bias=bias,
        )
        self.norm = build_norm_layer(norm_cfg, embed_dims)[1] if norm_cfg is not None else None
        self.init_input_size: tuple[int, int] | None = None
        self.init_out_size: tuple[int, int] | None = None
        if input_size:
            self.init_input_size = to_2tuple(input_size)
            size = self.init_input_size
            if self.adaptive_padding:
                pad_h, pad_w = self.adaptive_padding.get_pad_shape(size)
                size = (size[0] + pad_h, size[1] + pad_w)
            self.init_out_size = _windows(
                size, to_2tuple(kernel_size), to_2tuple(stride), conv_padding, to_2tuple(dilation)
            )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int]]:
        """`(N, C, H, W)` to `(N, L, embed_dims)` and the number of patches `(h, w)` with `L = h * w`."""
        if self.adaptive_padding:
            x = self.adaptive_padding(x)
        x = self.projection(x)
        out_size = (x.shape[2], x.shape[3])
        x = x.flatten(2).transpose(1, 2)
        if self.norm is not None:
            x = self.norm(x)
        return x, out_size


class PatchMerging(BaseModule):
    """Merge neighbouring patches: unfold, normalise, and project (as Swin, arXiv:2103.14030, does between stages).

    Unlike there, channels of a window are ordered as `nn.Unfold` orders them, channel first.

    Args:
        stride: `None` is the kernel size.
        padding: `corner` or `same` (see `AdaptivePadding`), an int or a pair for ordinary padding, `None` for none.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Size = 2,
        stride: _Size | None = None,
        padding: str | _Size | None = 'corner',
        dilation: _Size = 1,
        bias: bool = False,
        norm_cfg: dict[str, Any] | None = {'type': 'LN'},
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.in_channels = in_channels
        self.out_channels = out_channels
        kernel = to_2tuple(kernel_size)
        steps = to_2tuple(stride or kernel_size)
        self.adaptive_padding, pads = _split_padding(padding, kernel, steps, dilation)
        self.sampler = nn.Unfold(kernel_size=kernel, dilation=to_2tuple(dilation), padding=pads, stride=steps)
        sample_dim = kernel[0] * kernel[1] * in_channels
        self.norm = build_norm_layer(norm_cfg, sample_dim)[1] if norm_cfg is not None else None
        self.reduction = nn.Linear(sample_dim, out_channels, bias=bias)

    def forward(self, x: torch.Tensor, input_size: tuple[int, int]) -> tuple[torch.Tensor, tuple[int, int]]:
        """`(N, H * W, C)` with `input_size = (H, W)` to `(N, L, out_channels)` and its `(h, w)`."""
        n, length, c = x.shape
        h, w = input_size
        if length != h * w:
            raise ValueError(f'a sequence of {length} patches does not have the size {input_size}')
        x = x.view(n, h, w, c).permute(0, 3, 1, 2)
        if self.adaptive_padding:
            x = self.adaptive_padding(x)
        sampler = self.sampler
        out_size = _windows(
            (x.shape[2], x.shape[3]),
            sampler.kernel_size,  # type: ignore[arg-type]
            sampler.stride,  # type: ignore[arg-type]
            sampler.padding,  # type: ignore[arg-type]
            sampler.dilation,  # type: ignore[arg-type]
        )
        x = sampler(x).transpose(1, 2)
        if self.norm is not None:
            x = self.norm(x)
        return self.reduction(x), out_size


def _split_padding(
    padding: str | _Size | None, kernel_size: _Size, stride: _Size, dilation: _Size
) -> tuple[AdaptivePadding | None, tuple[int, int]]:
    """The adaptive and the ordinary part of a `padding` argument."""
    if isinstance(padding, str):
        return AdaptivePadding(kernel_size, stride, dilation, padding), (0, 0)
    return None, to_2tuple(0 if padding is None else padding)


def _windows(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[int, int]:
    """How many windows fit into `(H, W)`, vertically and horizontally."""
    h, w = ((size[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(2))
    return h, w
