"""Process-wide settings of a run: process group, threads, cuDNN, what is worth logging of the machine."""

from __future__ import annotations

import resource
import time
from typing import Any

import torch

from mmengine.dist import broadcast, get_dist_info, init_dist, is_distributed
from mmengine.logging import MMLogger
from mmengine.utils.dl_utils import collect_env, set_multi_processing


def setup_env(env_cfg: dict, launcher: str) -> None:
    """Apply `cudnn_benchmark`, `mp_cfg`, `dist_cfg` and `resource_limit`; start the process group of `launcher`.

    `grace_time` of it is for the runner: seconds that a training may take to end after a signal.
    """
    if env_cfg.get('cudnn_benchmark'):
        torch.backends.cudnn.benchmark = True
    mp_cfg: dict = dict(env_cfg.get('mp_cfg', {}))
    set_multi_processing(**mp_cfg, distributed=launcher != 'none')
    if launcher != 'none' and not is_distributed():
        init_dist(launcher, **dict(env_cfg.get('dist_cfg', {})))
    wanted = env_cfg.get('resource_limit', 4096)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(wanted, soft), hard), hard))


def shared_timestamp() -> str:
    """`YYYYmmdd_HHMMSS` of the start of rank 0, the same on all ranks."""
    now = torch.tensor(time.time(), dtype=torch.float64)
    broadcast(now)
    return time.strftime('%Y%m%d_%H%M%S', time.localtime(now.item()))


def log_environment(logger: MMLogger, env_cfg: dict, run: dict[str, Any]) -> None:
    """Log versions, devices and the settings of the run."""
    lines = [f'    {k}: {v}' for k, v in collect_env().items()]
    runtime = {**env_cfg, **run, 'GPU number': get_dist_info()[1]}
    logger.info(
        '\n'.join(['', '-' * 60, 'System environment:', *lines, '', 'Runtime environment:'])
        + '\n'
        + '\n'.join([*(f'    {k}: {v}' for k, v in runtime.items()), '-' * 60])
    )
