from torch.nn import SyncBatchNorm

from mmengine.registry import MODELS

MODELS.register_module('MMSyncBN', module=SyncBatchNorm)

__all__ = ['SyncBatchNorm']
