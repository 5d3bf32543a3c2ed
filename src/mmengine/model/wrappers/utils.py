from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from mmengine.registry import MODEL_WRAPPERS, Registry

MODEL_WRAPPERS.register_module(module=DistributedDataParallel)
MODEL_WRAPPERS.register_module(module=DataParallel)


def is_model_wrapper(model: nn.Module, registry: Registry = MODEL_WRAPPERS) -> bool:
    """Whether a model is wrapped, that is, an instance of a class in `MODEL_WRAPPERS` or in one of its children."""
    classes = tuple(registry.module_dict.values())
    if isinstance(model, classes):
        return True
    return any(is_model_wrapper(model, child) for child in registry.children.values())
