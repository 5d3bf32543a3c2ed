"""Colours as OpenCV takes them: blue, green, red in 0..255."""

from enum import Enum

import numpy as np


class Color(Enum):
    """The corners of the colour cube, BGR."""

    red = (0, 0, 255)
    green = (0, 255, 0)
    blue = (255, 0, 0)
    cyan = (255, 255, 0)
    yellow = (0, 255, 255)
    magenta = (255, 0, 255)
    white = (255, 255, 255)
    black = (0, 0, 0)


ColorType = Color | str | tuple | int | np.ndarray


def color_val(color: ColorType) -> tuple:
    """The BGR tuple of a colour: a `Color` or its name, a tuple or array of three values, or a grey value.

    Raises:
        KeyError: no such name.
        ValueError: not three values in 0..255.
        TypeError: anything else.
    """
    if isinstance(color, str):
        return Color[color].value
    if isinstance(color, Color):
        return color.value
    if isinstance(color, int):
        color = (color, color, color)
    if isinstance(color, np.ndarray):
        if color.ndim != 1:
            raise ValueError(f'a colour should have three values, but got an array of shape {color.shape}')
        color = tuple(color.tolist())
    if not isinstance(color, tuple):
        raise TypeError(f'a colour should be a name, a tuple, an array or a grey value, but got {color!r}')
    if len(color) != 3 or not all(0 <= channel <= 255 for channel in color):
        raise ValueError(f'a colour should have three values in 0..255, but got {color}')
    return color
