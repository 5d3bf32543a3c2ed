"""Colours, types and canvases."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch


def tensor2ndarray(value: np.ndarray | torch.Tensor) -> np.ndarray:
    """An array on the CPU."""
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value


def value2list(value: Any, valid_type: type | tuple[type, ...], expand_dim: int) -> list:
    """A single value as a list of `expand_dim` of it."""
    return [value] * expand_dim if isinstance(value, valid_type) else value


def check_type(name: str, value: Any, valid_type: type | tuple[type, ...]) -> None:
    """Raise TypeError unless `value` is of the type."""
    if not isinstance(value, valid_type):
        raise TypeError(f'{name} should be {valid_type}, but got {type(value).__name__}')


def check_length(name: str, value: Any, valid_length: int) -> None:
    """Raise ValueError if a list is shorter than that."""
    if isinstance(value, list) and len(value) < valid_length:
        raise ValueError(f'{name} should have at least {valid_length} entries, but has {len(value)}')


def check_type_and_length(name: str, value: Any, valid_type: type | tuple[type, ...], valid_length: int) -> None:
    """Both checks."""
    check_type(name, value, valid_type)
    check_length(name, value, valid_length)


def color_val_matplotlib(colors: Any) -> Any:
    """RGB in 0..255 as RGB in 0..1; names stay; lists go through entry by entry."""
    if isinstance(colors, str):
        return colors
    if isinstance(colors, tuple):
        if len(colors) != 3:
            raise ValueError(f'a colour has three channels, but got {colors}')
        return tuple(c / 255 for c in colors)
    if isinstance(colors, list):
        return [color_val_matplotlib(c) for c in colors]
    raise TypeError(f'a colour should be a name, a tuple or a list of these, but got {type(colors).__name__}')


def convert_overlay_heatmap(
    feat_map: np.ndarray | torch.Tensor, img: np.ndarray | None = None, alpha: float = 0.5
) -> np.ndarray:
    """A feature map `(H, W)` as colours `(H, W, 3)` RGB, over `img` with opacity `alpha` if given."""
    heat = tensor2ndarray(feat_map)
    if heat.ndim == 3:
        heat = heat.transpose(1, 2, 0)
    heat = cv2.normalize(heat, np.zeros_like(heat), 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(heat, cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)
    return colours if img is None else cv2.addWeighted(img, 1 - alpha, colours, alpha, 0)


def img_from_canvas(canvas: Any) -> np.ndarray:
    """The RGB pixels `(H, W, 3)` of a matplotlib canvas."""
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
