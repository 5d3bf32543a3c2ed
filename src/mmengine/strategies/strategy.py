"""What differs between one process and many: where the model lives and what it is wrapped in."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from mmengine.device import get_device
from mmengine.dist import get_local_rank, is_distributed
from mmengine.logging import print_log
from mmengine.model import MMDistributedDataParallel, is_model_wrapper, revert_sync_batchnorm
from mmengine.registry import MODEL_WRAPPERS, STRATEGIES


@STRATEGIES.register_module()
class SingleDeviceStrategy:
    """One process, one device; the model is not wrapped."""

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return torch.device(get_device())

    def wrap(self, model: nn.Module, wrapper_cfg: dict | None = None) -> nn.Module:
        """The model on its device, wrapped where several processes train it. SyncBN becomes BN where it cannot run."""
        model = model.to(self.device)
        if self.device.type != 'cuda' or not is_distributed():
            model = _without_sync_batchnorm(model)
        return model

    def sync_buffers(self, model: nn.Module) -> None:
        """Give all ranks the buffers of rank 0, so that what is evaluated is what is saved."""

    def device_module(self) -> Any:
        """`torch.cuda` or the like, or None on the CPU."""
        return None if self.device.type == 'cpu' else torch.get_device_module(self.device)


@STRATEGIES.register_module()
class DDPStrategy(SingleDeviceStrategy):
    """Data-parallel processes: `MMDistributedDataParallel`, or the registered wrapper that the config names."""

    @property
    def device(self) -> torch.device:
        kind = get_device()
        return torch.device('cpu') if kind == 'cpu' else torch.device(kind, get_local_rank())

    def wrap(self, model: nn.Module, wrapper_cfg: dict | None = None) -> nn.Module:
        model = super().wrap(model)
        ids = None if self.device.type == 'cpu' else [self.device.index]
        if wrapper_cfg is None:
            return MMDistributedDataParallel(module=model, device_ids=ids, broadcast_buffers=False)
        cfg = dict(wrapper_cfg)
        cfg.setdefault('type', 'MMDistributedDataParallel')
        wrapper = MODEL_WRAPPERS.get(cfg['type'])
        defaults: dict[str, Any] = {'module': model}
        if isinstance(wrapper, type) and issubclass(wrapper, nn.parallel.DistributedDataParallel):
            defaults |= {'device_ids': ids, 'broadcast_buffers': False}
        return MODEL_WRAPPERS.build(cfg, default_args={k: v for k, v in defaults.items() if k not in cfg})

    def sync_buffers(self, model: nn.Module) -> None:
        # Running statistics of batch norm are each rank's own while training.
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer.data, src=0)


def default_strategy() -> SingleDeviceStrategy:
    """The strategy for this process: data-parallel where a process group was made."""
    return DDPStrategy() if is_distributed() else SingleDeviceStrategy()


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's model inside of whatever wraps it."""
    while is_model_wrapper(model):
        model = model.module  # type: ignore[assignment]
    return model


def _without_sync_batchnorm(model: nn.Module) -> nn.Module:
    if not any(isinstance(m, nn.SyncBatchNorm) for m in model.modules()):
        return model
    print_log('SyncBatchNorm needs several processes with accelerators; it becomes BatchNorm in this run.', 'current')
    return revert_sync_batchnorm(model)
