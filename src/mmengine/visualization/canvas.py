"""A matplotlib canvas of exactly the pixels of an image, for those who draw with matplotlib themselves."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .utils import img_from_canvas, optional


class Canvas:
    """`axes` is where to draw; `pixels` gives the picture back."""

    def __init__(self, image: np.ndarray, figure_cfg: dict) -> None:
        self.figure = optional('matplotlib.figure', 'viz').Figure(**figure_cfg)
        self.canvas = optional('matplotlib.backends.backend_agg', 'viz').FigureCanvasAgg(self.figure)
        self.axes: Any = self.figure.add_axes((0, 0, 1, 1))
        self.load(image)

    def load(self, image: np.ndarray) -> None:
        """Put an image RGB `(H, W, 3)` in place of all that was drawn."""
        height, width = image.shape[:2]
        self.axes.clear()
        self.axes.axis('off')
        # A little more than the pixels, since matplotlib rounds down.
        self.figure.set_size_inches((width + 0.01) / self.figure.dpi, (height + 0.01) / self.figure.dpi)
        self.axes.imshow(image, extent=(0, width, height, 0), interpolation='none', aspect='auto')

    def pixels(self) -> np.ndarray:
        return img_from_canvas(self.canvas)


def show_window(image: np.ndarray, win_name: str, wait_time: float, continue_key: str, figure_cfg: dict) -> None:
    """Show an image in a window of matplotlib.

    Args:
        wait_time: seconds; 0: until `continue_key` is pressed or the window is closed.

    Raises:
        RuntimeError: there is no screen.
    """
    plt = optional('matplotlib.pyplot', 'viz')
    if plt.get_backend().lower() in ('agg', 'pdf', 'svg', 'ps', 'cairo', 'template'):
        raise RuntimeError(f'matplotlib opens no windows here (its backend is {plt.get_backend()}): write files')
    figure = plt.figure(num=win_name, **figure_cfg)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis('off')
    axes.imshow(image)
    pressed: list[str] = []
    figure.canvas.mpl_connect('key_press_event', lambda event: pressed.append(event.key))
    end = time.monotonic() + wait_time if wait_time > 0 else float('inf')
    while plt.fignum_exists(win_name) and continue_key not in pressed and time.monotonic() < end:
        plt.pause(0.02)
    plt.close(figure)


__all__ = ['Canvas', 'show_window']
