from typing import Any, NoReturn

from torch import nn

from mmengine.registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class MMFullyShardedDataParallel(nn.Module):
    """Name of the wrapper around FSDP1. Models are sharded with FSDP2 (`fully_shard`), which wraps nothing."""

    def __init__(self, module: nn.Module, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            'MMFullyShardedDataParallel is not available: it wrapped FSDP1, which PyTorch replaces by `fully_shard`. '
            "Use model_wrapper_cfg=dict(type='MMDistributedDataParallel') for models that fit on one device, or call "
            '`torch.distributed.fsdp.fully_shard` on the model in an overridden `Runner.wrap_model`.'
        )
