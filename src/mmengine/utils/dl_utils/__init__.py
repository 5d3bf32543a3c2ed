"""Helpers around torch that know nothing of training."""

from torch import __version__ as TORCH_VERSION

from mmengine.utils.dl_utils.collect_env import collect_env
from mmengine.utils.dl_utils.hub import load_url
from mmengine.utils.dl_utils.misc import (
    has_batch_norm,
    is_jit_tracing,
    is_norm,
    mmcv_full_available,
    tensor2imgs,
    torch_meshgrid,
)
from mmengine.utils.dl_utils.setup_env import set_multi_processing
from mmengine.utils.dl_utils.time_counter import TimeCounter

__all__ = [
    'TORCH_VERSION',
    'TimeCounter',
    'collect_env',
    'has_batch_norm',
    'is_jit_tracing',
    'is_norm',
    'load_url',
    'mmcv_full_available',
    'set_multi_processing',
    'tensor2imgs',
    'torch_meshgrid',
]
