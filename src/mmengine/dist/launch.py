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
    if 'OMPI_COMM_WORLD_LOCAL_RANK' in os.environ or 'PMI_RANK' in os.environ:
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
    torch_dist.init_process_group(backend=backend, **_store_of_restart(), **kwargs)
    atexit.register(_leave)


def _store_of_restart() -> dict[str, Any]:
    """Where torchrun has restarted the job: a part of its store for this start alone.

    A torchrun that was given a master port keeps its store, and with it the addresses of processes that are dead.
    """
    start = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')
    if start == '0' or os.environ.get('TORCHELASTIC_USE_AGENT_STORE') != 'True':
        return {}
    size = int(os.environ['WORLD_SIZE'])
    store = torch_dist.TCPStore(os.environ['MASTER_ADDR'], int(os.environ['MASTER_PORT']), size, is_master=False)
    return {
        'store': torch_dist.PrefixStore(f'start/{start}', store),
        'rank': int(os.environ['RANK']),
        'world_size': size,
    }


def _leave() -> None:
    """Leave the process group before the interpreter ends.

    A thread of gloo may still hold a finished operation whose Python objects it can only free with the interpreter's
    lock. If the interpreter ends first, that thread aborts the process ("terminate called without an active
    exception"), and a training that has succeeded counts as failed. Sleeping hands the lock over.
    """
    if torch_dist.is_initialized():
        torch_dist.destroy_process_group()
        time.sleep(0.1)


def _torchrun_environment(kwargs: dict[str, Any]) -> None:
    os.environ.setdefault('LOCAL_RANK', os.environ['RANK'])


def _slurm_environment(kwargs: dict[str, Any]) -> None:
    if 'MASTER_ADDR' not in os.environ:
        nodes = _first_of('SLURM_STEP_NODELIST', 'SLURM_NODELIST', 'SLURM_JOB_NODELIST')
        os.environ['MASTER_ADDR'] = _first_host(nodes)
    port = kwargs.pop('port', None)
    os.environ['MASTER_PORT'] = str(port or os.environ.get('MASTER_PORT', _DEFAULT_PORT))
    os.environ['RANK'] = os.environ['SLURM_PROCID']
    os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
    os.environ['LOCAL_RANK'] = os.environ['SLURM_LOCALID']


def _first_host(nodes: str) -> str:
    try:
        shown = subprocess.run(['scontrol', 'show', 'hostnames', nodes], capture_output=True, text=True, check=True)
        return shown.stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError) as e:
        reason = getattr(e, 'stderr', None) or e
        raise ValueError(
            f'scontrol does not tell the first host of SLURM_NODELIST={nodes!r} ({str(reason).strip()}); '
            'set MASTER_ADDR to the host of rank 0'
        ) from e


def _mpi_environment(kwargs: dict[str, Any]) -> None:
    # Open MPI, or else what the launchers of MPICH and Intel MPI set.
    os.environ['RANK'] = _first_of('OMPI_COMM_WORLD_RANK', 'PMI_RANK')
    os.environ['WORLD_SIZE'] = _first_of('OMPI_COMM_WORLD_SIZE', 'PMI_SIZE')
    os.environ['LOCAL_RANK'] = _first_of('OMPI_COMM_WORLD_LOCAL_RANK', 'MPI_LOCALRANKID', 'PMI_LOCAL_RANK')
    on_node = [
        os.environ[n] for n in ('OMPI_COMM_WORLD_LOCAL_SIZE', 'MPI_LOCALNRANKS', 'PMI_LOCAL_SIZE') if n in os.environ
    ]
    if on_node:
        os.environ['LOCAL_WORLD_SIZE'] = on_node[0]
    if on_node[:1] == [os.environ['WORLD_SIZE']]:
        os.environ.setdefault('MASTER_ADDR', '127.0.0.1')  # all on this node
    os.environ['MASTER_ADDR']  # mpirun does not say where rank 0 runs
    os.environ.setdefault('MASTER_PORT', _DEFAULT_PORT)


def _first_of(*names: str) -> str:
    return next((os.environ[name] for name in names if name in os.environ), None) or os.environ[names[0]]


_ENVIRONMENTS: dict[str, Callable[[dict[str, Any]], None]] = {
    'pytorch': _torchrun_environment,
    'slurm': _slurm_environment,
    'mpi': _mpi_environment,
}
