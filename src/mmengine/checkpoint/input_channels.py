"""Pretrained weights for images of another number of channels."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import torch
from torch import Tensor, nn

COLOURS = 3


def inflate_channels(weight: Tensor, channels: int) -> Tensor:
    """A convolution of colour images `(O, 3, ...)` for images of `channels`, `(O, channels, ...)`.

    The three slices are repeated in turn, each divided by the number of its copies: an image whose channels are all the
    same has the response that it had. One channel gets the sum of the three, two get the first two times 3 / 2.
    """
    colours = weight.shape[1]
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    if channels < colours:
        return weight[:, :channels] * (colours / channels)
    index = torch.arange(channels, device=weight.device) % colours
    copies = torch.bincount(index)[index].to(weight.dtype)
    return weight[:, index] / copies.view(1, -1, *[1] * (weight.ndim - 2))


def fit_stem(module: nn.Module, state: MutableMapping[str, Any], prefix: str) -> str:
    """Where `module` is a convolution of N channels, and `state` has it for three, put the inflated weights there.

    Returns:
        What was done, for the log; empty where nothing had to be done.
    """
    if not isinstance(module, nn.Conv2d | nn.Conv3d) or module.groups != 1:
        return ''
    key, own = f'{prefix}weight', module.weight
    saved = state.get(key)
    if not isinstance(saved, Tensor) or saved.ndim != own.ndim:
        return ''
    others_differ = saved.shape[:1] + saved.shape[2:] != own.shape[:1] + own.shape[2:]
    if saved.shape[1] != COLOURS or own.shape[1] == COLOURS or others_differ:
        return ''
    state[key] = inflate_channels(saved, own.shape[1])
    return f'{key}: made for {COLOURS} input channels, inflated to {own.shape[1]}'
