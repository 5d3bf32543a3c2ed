"""Data sets that are drawn on the spot."""

from mmseg.datasets.builtin.scenes import scene
from mmseg.datasets.builtin.shapes import ShapesDataset, write_shapes

__all__ = ['ShapesDataset', 'scene', 'write_shapes']
