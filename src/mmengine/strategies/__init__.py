"""What differs between one process and many."""

from .strategy import DDPStrategy, SingleDeviceStrategy, default_strategy, unwrapped
from .unavailable import (
    ColossalAIStrategy,
    DeepSpeedOptimWrapper,
    DeepSpeedStrategy,
    FSDPStrategy,
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
    'default_strategy',
    'unwrapped',
]
