from typing import Any, NoReturn

from torch import nn

from mmengine.registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class MMFullyShardedDataParallel(nn.Module):
    """Name of the wrapper around FSDP1. Models are sharded with FSDP2 (`fully_shard`), which wraps nothing."""

    def __init__(self, module: nn.Module, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            'MMFullyShardedDataParallel is not available: it wrapped FSDP1, which PyTorch replaces by `fully_shard`. '
            "Leave model_wrapper_cfg out, and give the runner strategy=dict(type='FSDPStrategy', ...)."
        )
