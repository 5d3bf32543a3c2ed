"""The environment, for bug reports."""

import mmseg
from mmengine.utils import get_git_hash
from mmengine.utils.dl_utils import collect_env as collect_base_env


def collect_env() -> dict[str, str]:
    """Versions of Python, PyTorch, the devices and of mmseg."""
    env: dict[str, str] = collect_base_env()
    env['MMSegmentation'] = f'{mmseg.__version__}+{get_git_hash()[:7]}'
    return env
