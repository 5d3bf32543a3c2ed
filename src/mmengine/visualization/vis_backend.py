"""All places for results. Packages other than torch are imported when a backend is first used."""

from .backend import BaseVisBackend, as_number, force_init_env
from .file_backends import LocalVisBackend, TensorboardVisBackend
from .mlflow_backend import MLflowVisBackend
from .service_backends import (
    AimVisBackend,
    ClearMLVisBackend,
    DVCLiveVisBackend,
    NeptuneVisBackend,
    SwanLabVisBackend,
)
from .wandb_backend import WandbVisBackend

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
    'WandbVisBackend',
    'as_number',
    'force_init_env',
]
