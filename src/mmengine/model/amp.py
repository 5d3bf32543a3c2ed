"""Mixed precision."""

import torch

from mmengine.device import get_device


def autocast(
    device_type: str | None = None,
    dtype: torch.dtype | None = None,
    enabled: bool = True,
    cache_enabled: bool | None = None,
) -> torch.autocast:
    """`torch.autocast` on the device that runs use, as context manager or decorator.

    Args:
        device_type: `None` is the accelerator, or the CPU where there is none.
        dtype: `None` is float16 on CUDA and bfloat16 on CPU.
        enabled: False switches autocast off within an outer one.
    """
    device = device_type or get_device()
    return torch.autocast(device.split(':')[0], dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)
