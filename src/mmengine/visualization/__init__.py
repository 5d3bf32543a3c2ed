from .vis_backend import BaseVisBackend, LocalVisBackend, TensorboardVisBackend, WandbVisBackend
from .visualizer import Visualizer

__all__ = ['BaseVisBackend', 'LocalVisBackend', 'TensorboardVisBackend', 'Visualizer', 'WandbVisBackend']
