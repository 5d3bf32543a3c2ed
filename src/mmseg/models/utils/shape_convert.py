"""Between token sequences `(N, L, C)` and maps `(N, C, H, W)`; a sequence seen as a map is channels-last, uncopied."""

from typing import Any

from torch import Tensor, nn


def nlc_to_nchw(x: Tensor, hw_shape: tuple[int, int]) -> Tensor:
    """`(N, H*W, C)` to `(N, C, H, W)`."""
    height, width = hw_shape
    batch, length, channels = x.shape
    if length != height * width:
        raise ValueError(f'A sequence of {length} tokens is not a map of {height} x {width}.')
    return x.transpose(1, 2).reshape(batch, channels, height, width)


def nchw_to_nlc(x: Tensor) -> Tensor:
    """`(N, C, H, W)` to `(N, H*W, C)`."""
    return x.flatten(2).transpose(1, 2).contiguous()


def nchw2nlc2nchw(module: nn.Module, x: Tensor, contiguous: bool = False, **kwargs: Any) -> Tensor:
    """Apply a module for sequences to a map; `contiguous` gives it, and returns, contiguous tensors."""
    hw_shape = (x.shape[2], x.shape[3])
    tokens = x.flatten(2).transpose(1, 2)
    y = nlc_to_nchw(module(tokens.contiguous() if contiguous else tokens, **kwargs), hw_shape)
    return y.contiguous() if contiguous else y


def nlc2nchw2nlc(
    module: nn.Module, x: Tensor, hw_shape: tuple[int, int], contiguous: bool = False, **kwargs: Any
) -> Tensor:
    """Apply a module for maps to a sequence; `contiguous` gives it, and returns, contiguous tensors."""
    pixels = nlc_to_nchw(x, hw_shape)
    y = module(pixels.contiguous() if contiguous else pixels, **kwargs).flatten(2).transpose(1, 2)
    return y.contiguous() if contiguous else y
