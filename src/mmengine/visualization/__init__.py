"""Pictures and curves: drawing on images, and the places that results go to."""

from .vis_backend import (
    BaseVisBackend,
    LocalVisBackend,
    MLflowVisBackend,
    TensorboardVisBackend,
    WandbVisBackend,
)
from .visualizer import Visualizer

__all__ = [
    'BaseVisBackend',
    'LocalVisBackend',
    'MLflowVisBackend',
    'TensorboardVisBackend',
    'Visualizer',
    'WandbVisBackend',
]
