"""The module's name is spelled as existing code imports it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmengine.device import get_device
from mmengine.model.wrappers.distributed import MMDistributedDataParallel
from mmengine.registry import MODEL_WRAPPERS

if TYPE_CHECKING:
    from mmengine.optim import OptimWrapperDict


@MODEL_WRAPPERS.register_module()
class MMSeparateDistributedDataParallel(DistributedDataParallel):
    """Wraps each child of a model in DDP by itself, for models whose `train_step` updates them in turn (GANs).

    Args:
        kwargs: of `DistributedDataParallel`.
    """

    def __init__(
        self,
        module: nn.Module,
        broadcast_buffers: bool = False,
        find_unused_parameters: bool = False,
        **kwargs: Any,
    ) -> None:
        # The exchange of gradients is the children's; this class has only DDP's place in the class hierarchy.
        nn.Module.__init__(self)
        self.module = module
        device = get_device()
        for name, child in module.named_children():
            child = child.to(device)
            if any(param.requires_grad for param in child.parameters()):
                child = MMDistributedDataParallel(
                    child,
                    broadcast_buffers=broadcast_buffers,
                    find_unused_parameters=find_unused_parameters,
                    **kwargs,
                )
            module._modules[name] = child

    def train_step(
        self, data: dict[str, Any] | tuple[Any, ...] | list[Any], optim_wrapper: 'OptimWrapperDict'
    ) -> dict[str, torch.Tensor]:
        return self.module.train_step(data, optim_wrapper)

    def val_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        return self.module.val_step(data)

    def test_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        return self.module.test_step(data)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """No child exchanges gradients within."""
        with ExitStack() as stack:
            for child in self.module.children():
                if isinstance(child, DistributedDataParallel):
                    stack.enter_context(child.no_sync())
            yield

    def train(self, mode: bool = True) -> Self:
        self.training = mode
        self.module.train(mode)
        return self
