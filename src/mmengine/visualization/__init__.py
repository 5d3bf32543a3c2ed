"""Pictures and curves: drawing on images, and the places that results go to."""

from .vis_backend import (
    AimVisBackend,
    BaseVisBackend,
    ClearMLVisBackend,
    DVCLiveVisBackend,
    LocalVisBackend,
    MLflowVisBackend,
    NeptuneVisBackend,
    SwanLabVisBackend,
    TensorboardVisBackend,
    WandbVisBackend,
)
from .visualizer import Visualizer

__all__ = [
    'AimVisBackend',
    'BaseVisBackend',
    'ClearMLVisBackend',
    'DVCLiveVisBackend',
    'LocalVisBackend',
    'MLflowVisBackend',
    'NeptuneVisBackend',
    'SwanLabVisBackend',
    'TensorboardVisBackend',
    'Visualizer',
    'WandbVisBackend',
]
