"""What differs between one process and many: where the model lives and what it is wrapped in."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from mmengine.checkpoint import get_state_dict, weights_to_cpu
from mmengine.checkpoint.sharded import is_sharded_checkpoint, load_sharded_checkpoint
from mmengine.device import get_device
from mmengine.dist import get_local_rank, is_distributed, is_main_process
from mmengine.logging import print_log
from mmengine.model import MMDistributedDataParallel, is_model_wrapper, revert_sync_batchnorm
from mmengine.registry import MODEL_WRAPPERS, STRATEGIES


@STRATEGIES.register_module()
class SingleDeviceStrategy:
    """One process, one device; the model is not wrapped."""

    shards = False  # whether the ranks share one copy of the model; then they all take part in saving and loading

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return torch.device(get_device())

    def wrap(self, model: nn.Module, wrapper_cfg: dict | None = None) -> nn.Module:
        """The model on its device, wrapped where several processes train it."""
        return self.on_device(model)

    def on_device(self, model: nn.Module) -> nn.Module:
        """The model on its device. SyncBN becomes BN where it cannot run."""
        model = model.to(self.device)
        if self.device.type != 'cuda' or not is_distributed():
            model = _without_sync_batchnorm(model)
        return model

    def sync_buffers(self, model: nn.Module) -> None:
        """Give all ranks the buffers of rank 0, so that what is evaluated is what is saved."""

    def shard(self, model: nn.Module, amp_dtype: torch.dtype | None = None) -> None:
        """Split a model over the ranks in place; strategies with `shards` do."""

    def model_state(self, model: nn.Module) -> dict[str, Any]:
        """The state dict for a checkpoint, with the names that the model has without wrappers."""
        return weights_to_cpu(get_state_dict(unwrapped(model)))

    def distribute_optimizer_state(self, state: Any, optim_wrapper: Any) -> Any:
        """The state of an optimizer wrapper as in a checkpoint, split as the parameters are."""
        return state

    def write(self, checkpoint: dict, path: str, write: Any, default: Any, backend_args: dict | None) -> None:
        """Write a checkpoint.

        Args:
            write: called with checkpoint, path and `backend_args`, on rank 0.
            default: what it is where nobody asked for something else.
        """
        if is_main_process():
            write(checkpoint, path, backend_args=backend_args)

    def read(self, path: str) -> dict[str, Any] | None:
        """The checkpoint in a folder of shards; None where `path` is none."""
        return load_sharded_checkpoint(path) if is_sharded_checkpoint(path) else None

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
        model = self.on_device(model)
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


def build_strategy(strategy: SingleDeviceStrategy | dict | None) -> SingleDeviceStrategy:
    """A strategy from its config. One process without a group has `SingleDeviceStrategy`, whatever the config says."""
    if strategy is None:
        return default_strategy()
    built = strategy if isinstance(strategy, SingleDeviceStrategy) else STRATEGIES.build(strategy)
    if isinstance(built, DDPStrategy) and not is_distributed():
        print_log(f'{type(built).__name__} is for several processes (torchrun); this one trains alone.', 'current')
        return SingleDeviceStrategy()
    return built


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
