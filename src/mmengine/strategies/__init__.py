"""What differs between one process and many."""

from .fsdp import FSDPStrategy
from .strategy import DDPStrategy, SingleDeviceStrategy, build_strategy, default_strategy, unwrapped
from .unavailable import (
    ColossalAIStrategy,
    DeepSpeedOptimWrapper,
    DeepSpeedStrategy,
    MMDeepSpeedEngineWrapper,
)

__all__ = [
    'ColossalAIStrategy',
    'DDPStrategy',
    'DeepSpeedOptimWrapper',
    'DeepSpeedStrategy',
    'FSDPStrategy',
    'MMDeepSpeedEngineWrapper',
    'SingleDeviceStrategy',
    'build_strategy',
    'default_strategy',
    'unwrapped',
]
