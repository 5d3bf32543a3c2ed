"""Joining the process group from the environment that `torchrun`, SLURM or MPI sets up."""

import atexit
import os
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
from torch import distributed as torch_dist

from mmengine.device import get_device

_DEFAULT_PORT = '29500'


def infer_launcher() -> str:
    """`'pytorch'`, `'slurm'`, `'mpi'` or `'none'`, by the environment variables of the launcher."""
    if 'WORLD_SIZE' in os.environ:
        return 'pytorch'
    if 'SLURM_NTASKS' in os.environ:
        return 'slurm'
    if 'OMPI_COMM_WORLD_LOCAL_RANK' in os.environ:
        return 'mpi'
    return 'none'


def init_dist(launcher: str, backend: str = 'nccl', init_backend: str = 'torch', **kwargs: Any) -> None:
    """Join the process group of all processes that the launcher started.

    Args:
        launcher: `'pytorch'` (torchrun), `'slurm'` or `'mpi'`.
        backend: of `torch.distributed`. `'nccl'` becomes what the machine has: gloo without an accelerator.
        kwargs: for `torch.distributed.init_process_group`; `timeout` may be a number of seconds. With SLURM
            also `port`, of the first node.

    Raises:
        ValueError: another launcher, or its environment variables are not there.
    """
    if launcher not in _ENVIRONMENTS:
        raise ValueError(f'launcher should be one of {sorted(_ENVIRONMENTS)}, but got {launcher!r}')
    if init_backend != 'torch':
        raise ValueError(f"init_backend should be 'torch', but got {init_backend!r}")
    try:
        _ENVIRONMENTS[launcher](kwargs)
    except KeyError as e:
        raise ValueError(
            f'launcher={launcher!r} needs the environment variable {e.args[0]}, which is not set. '
            "Start the processes by that launcher (torchrun for 'pytorch'), or run with launcher='none'."
        ) from e
    device = get_device()
    if backend == 'nccl' and device != 'cuda':
        backend = torch_dist.get_default_backend_for_device(device)
    if device != 'cpu':
        local_rank = int(os.environ['LOCAL_RANK'])
        torch.get_device_module(device).set_device(local_rank % torch.accelerator.device_count())
    timeout = kwargs.get('timeout')
    if timeout is not None and not isinstance(timeout, timedelta):
        if timeout <= 0:
            raise ValueError(f'timeout should be a positive number of seconds, but got {timeout}')
        kwargs['timeout'] = timedelta(seconds=timeout)
    torch_dist.init_process_group(backend=backend, **kwargs)
    atexit.register(_leave)


def _leave() -> None:
    """Leave the process group before the interpreter ends.

    A thread of gloo may still hold a finished operation whose Python objects it can only free with the interpreter's
    lock. If the interpreter ends first, that thread aborts the process ("terminate called without an active exception"),
    and a training that has succeeded counts as failed. Sleeping hands the lock over.
    """
    if torch_dist.is_initialized():
        torch_dist.destroy_process_group()
        time.sleep(0.1)


def _torchrun_environment(kwargs: dict[str, Any]) -> None:
    os.environ.setdefault('LOCAL_RANK', os.environ['RANK'])


def _slurm_environment(kwargs: dict[str, Any]) -> None:
    if 'MASTER_ADDR' not in os.environ:
        nodes = os.environ['SLURM_NODELIST']
        shown = subprocess.run(['scontrol', 'show', 'hostnames', nodes], capture_output=True, text=True, check=True)
        os.environ['MASTER_ADDR'] = shown.stdout.splitlines()[0].strip()
    port = kwargs.pop('port', None)
    os.environ['MASTER_PORT'] = str(port or os.environ.get('MASTER_PORT', _DEFAULT_PORT))
    os.environ['RANK'] = os.environ['SLURM_PROCID']
    os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
    os.environ['LOCAL_RANK'] = os.environ['SLURM_LOCALID']


def _mpi_environment(kwargs: dict[str, Any]) -> None:
    os.environ['MASTER_ADDR']  # mpirun does not say where rank 0 runs
    os.environ.setdefault('MASTER_PORT', _DEFAULT_PORT)
    os.environ['RANK'] = os.environ['OMPI_COMM_WORLD_RANK']
    os.environ['WORLD_SIZE'] = os.environ['OMPI_COMM_WORLD_SIZE']
    os.environ['LOCAL_RANK'] = os.environ['OMPI_COMM_WORLD_LOCAL_RANK']


_ENVIRONMENTS: dict[str, Callable[[dict[str, Any]], None]] = {
    'pytorch': _torchrun_environment,
    'slurm': _slurm_environment,
    'mpi': _mpi_environment,
}
