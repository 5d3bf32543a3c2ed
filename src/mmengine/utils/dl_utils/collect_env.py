"""What a bug report should say about the environment."""

import os
import platform
import subprocess
import sys
from collections import OrderedDict
from typing import Any

import numpy as np
import torch

from mmengine.version import __version__


def collect_env() -> OrderedDict[str, Any]:
    """Versions of Python, compilers, torch and its companions, and the devices with their names."""
    env: OrderedDict[str, Any] = OrderedDict()
    env['sys.platform'] = sys.platform
    env['Python'] = sys.version.replace('\n', '')
    env['CUDA available'] = torch.cuda.is_available()
    env['numpy_random_seed'] = int(np.random.get_state()[1][0])  # type: ignore[index]
    if torch.cuda.is_available():
        devices: dict[str, list[str]] = {}
        for index in range(torch.cuda.device_count()):
            devices.setdefault(torch.cuda.get_device_name(index), []).append(str(index))
        env.update({f'GPU {",".join(indices)}': name for name, indices in devices.items()})
        from torch.utils.cpp_extension import CUDA_HOME  # 0.1 s to import

        env['CUDA_HOME'] = CUDA_HOME
        if CUDA_HOME:
            env['NVCC'] = _last_line(os.path.join(CUDA_HOME, 'bin', 'nvcc'), '-V')
    env['GCC'] = _first_line('gcc', '--version') or platform.python_compiler()
    env['PyTorch'] = torch.__version__
    env['PyTorch compiling details'] = torch.__config__.show()
    torchvision = _version_of('torchvision')
    if torchvision:
        env['TorchVision'] = torchvision
    env['OpenCV'] = _version_of('cv2')
    env['MMEngine'] = __version__
    return env


def _run(*command: str) -> list[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().splitlines()
    except (OSError, subprocess.CalledProcessError):
        return []


def _first_line(*command: str) -> str:
    return next(iter(_run(*command)), '')


def _last_line(*command: str) -> str:
    return next(iter(reversed(_run(*command))), 'Not Available')


def _version_of(module: str) -> str | None:
    try:
        return str(__import__(module).__version__)
    except (ImportError, RuntimeError):  # a torchvision built for another torch raises RuntimeError
        return None
