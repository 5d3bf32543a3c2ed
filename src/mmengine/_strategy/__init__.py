"""The former place of `mmengine.strategies`."""

from mmengine.strategies import ColossalAIStrategy, DDPStrategy, DeepSpeedStrategy, FSDPStrategy, SingleDeviceStrategy
from mmengine.strategies import SingleDeviceStrategy as BaseStrategy

__all__ = [
    'BaseStrategy',
    'ColossalAIStrategy',
    'DDPStrategy',
    'DeepSpeedStrategy',
    'FSDPStrategy',
    'SingleDeviceStrategy',
]
