"""From a config to a sampler."""

from typing import Any

from mmseg.registry import TASK_UTILS


def build_pixel_sampler(cfg: dict, **default_args: Any) -> Any:
    """The pixel sampler of a config."""
    return TASK_UTILS.build(cfg, default_args=default_args)
