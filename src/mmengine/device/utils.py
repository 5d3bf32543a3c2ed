"""Which accelerator there is, and how much of its memory was used."""

import torch


def is_cuda_available() -> bool:
    return torch.cuda.is_available()


def is_mps_available() -> bool:
    return torch.backends.mps.is_available()


def _no_such_backend() -> bool:
    return False


# Backends of vendor forks of torch. Code asks for them to choose a branch; here that branch is never taken.
is_npu_available = is_mlu_available = is_dipu_available = is_musa_available = _no_such_backend
is_npu_support_full_precision = _no_such_backend


def get_device() -> str:
    """Type of the device to train on: that of the accelerator torch can use (`'cuda'`, ...), else `'cpu'`."""
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return accelerator.type if accelerator is not None else 'cpu'


def get_max_cuda_memory(device: torch.device | None = None) -> int:
    """Peak of the memory allocated on a CUDA device since the last call, in MB. Starts a new peak."""
    peak = torch.cuda.max_memory_allocated(device=device)
    torch.cuda.reset_peak_memory_stats(device=device)
    return int(peak) // (1024 * 1024)
