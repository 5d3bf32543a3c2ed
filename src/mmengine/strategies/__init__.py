from .strategy import DDPStrategy, SingleDeviceStrategy, default_strategy, unwrapped

__all__ = ['DDPStrategy', 'SingleDeviceStrategy', 'default_strategy', 'unwrapped']
