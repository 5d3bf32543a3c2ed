"""Helpers of visualizers: arguments, colours, heat maps, canvases."""

from __future__ import annotations

import importlib
from typing import Any

import cv2
import numpy as np
import torch

from mmengine.utils.errors import MissingDependencyError


def tensor2ndarray(value: np.ndarray | torch.Tensor) -> np.ndarray:
    """An array on the CPU."""
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value


def value2list(value: Any, valid_type: type | tuple[type, ...], expand_dim: int) -> list:
    """`value` if it is a list already, else a list of `expand_dim` times `value`, if it is of `valid_type`."""
    return [value] * expand_dim if isinstance(value, valid_type) else value


def check_type(name: str, value: Any, valid_type: type | tuple[type, ...]) -> None:
    """Raises: TypeError if `value` is not of `valid_type`."""
    if not isinstance(value, valid_type):
        names = ' or '.join(t.__name__ for t in (valid_type if isinstance(valid_type, tuple) else (valid_type,)))
        raise TypeError(f'{name} should be a {names}, but got {type(value).__name__}')


def check_length(name: str, value: Any, valid_length: int) -> None:
    """Raises: ValueError if the list `value` is shorter than `valid_length`."""
    if isinstance(value, list) and len(value) < valid_length:
        raise ValueError(f'{name} should have at least {valid_length} entries, but has {len(value)}')


def check_type_and_length(name: str, value: Any, valid_type: type | tuple[type, ...], valid_length: int) -> None:
    check_type(name, value, valid_type)
    check_length(name, value, valid_length)


def color_val_matplotlib(colors: Any) -> Any:
    """RGB in 0..255 as matplotlib takes it, in 0..1; names stay, lists are converted entry by entry."""
    if isinstance(colors, str):
        return colors
    if isinstance(colors, tuple):
        if len(colors) != 3:
            raise ValueError(f'a colour should have three channels, but got {colors}')
        return tuple(channel / 255 for channel in colors)
    if isinstance(colors, list):
        return [color_val_matplotlib(color) for color in colors]
    raise TypeError(f'a colour should be a name, a tuple or a list of these, but got {type(colors).__name__}')


def convert_overlay_heatmap(
    feat_map: np.ndarray | torch.Tensor, img: np.ndarray | None = None, alpha: float = 0.5
) -> np.ndarray:
    """Colours RGB `(H, W, 3)` uint8, blue to red, of the values of a map `(H, W)` or `(1, H, W)`.

    Args:
        img: RGB `(H, W, 3)` uint8, shown through with weight `1 - alpha`.
    """
    values = tensor2ndarray(feat_map).astype(np.float32)
    if values.ndim == 3 and len(values) == 1:
        values = values[0]
    spread = float(np.ptp(values))
    grey = ((values - values.min()) / (spread or 1.0) * 255).astype(np.uint8)
    if grey.ndim == 3:  # three channels are colours themselves
        heat = np.ascontiguousarray(grey.transpose(1, 2, 0))
    else:
        heat = cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)
    return heat if img is None else cv2.addWeighted(img, 1 - alpha, heat, alpha, 0)


def img_from_canvas(canvas: Any) -> np.ndarray:
    """The pixels RGB `(H, W, 3)` uint8 of a matplotlib canvas, drawn."""
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def optional(module: str, extra: str | None = None) -> Any:
    """Import an optional package.

    Raises:
        MissingDependencyError: naming the extra to install, or the package where there is none.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        wanted = f"'mmnext[{extra}]'" if extra else module
        absent = f'{module}.'.startswith(f'{error.name}.')  # else, something that it needs itself is
        why = 'is not installed' if absent else f'cannot be imported ({error})'
        raise MissingDependencyError(f'{module} {why}: pip install {wanted}') from error


__all__ = [
    'check_length',
    'check_type',
    'check_type_and_length',
    'color_val_matplotlib',
    'convert_overlay_heatmap',
    'img_from_canvas',
    'optional',
    'tensor2ndarray',
    'value2list',
]
