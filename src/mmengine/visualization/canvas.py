"""A matplotlib canvas of exactly the pixels of an image, for those who draw with matplotlib themselves."""

from __future__ import annotations

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


__all__ = ['Canvas']
