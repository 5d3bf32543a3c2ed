"""What a bug report should say about the environment."""

from __future__ import annotations

from typing import Any

from mmcv.version import __version__
from mmengine.utils.dl_utils import collect_env as collect_base_env


def collect_env() -> dict[str, Any]:
    """As `mmengine.utils.dl_utils.collect_env`, with the interface level of mmcv."""
    return {**collect_base_env(), 'MMCV': __version__}
