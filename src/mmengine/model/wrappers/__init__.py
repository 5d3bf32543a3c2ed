from mmengine.model.wrappers.distributed import MMDistributedDataParallel
from mmengine.model.wrappers.fully_sharded_distributed import MMFullyShardedDataParallel
from mmengine.model.wrappers.seperate_distributed import MMSeparateDistributedDataParallel
from mmengine.model.wrappers.utils import is_model_wrapper

__all__ = [
    'MMDistributedDataParallel',
    'MMFullyShardedDataParallel',
    'MMSeparateDistributedDataParallel',
    'is_model_wrapper',
]
