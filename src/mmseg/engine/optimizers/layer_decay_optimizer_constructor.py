"""The former place of `layer_decay`."""

from .layer_decay import *  # noqa: F403
