"""The former place of `mmengine.checkpoint`."""

from mmengine.checkpoint import *  # noqa: F403
