"""Names under which existing code imports classes of torch."""

from torch import __version__ as TORCH_VERSION
from torch.nn.modules.batchnorm import SyncBatchNorm, _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd, _AvgPoolNd, _MaxPoolNd
from torch.utils.cpp_extension import CUDA_HOME
from torch.utils.data import DataLoader

SyncBatchNorm_ = SyncBatchNorm
PoolDataLoader = DataLoader
_ConvTransposeMixin = _ConvTransposeNd

__all__ = [
    'CUDA_HOME',
    'TORCH_VERSION',
    'DataLoader',
    'PoolDataLoader',
    'SyncBatchNorm',
    'SyncBatchNorm_',
    '_AdaptiveAvgPoolNd',
    '_AdaptiveMaxPoolNd',
    '_AvgPoolNd',
    '_BatchNorm',
    '_ConvNd',
    '_ConvTransposeMixin',
    '_InstanceNorm',
    '_MaxPoolNd',
]
