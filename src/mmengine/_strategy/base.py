from mmengine.strategies import SingleDeviceStrategy as BaseStrategy

__all__ = ['BaseStrategy']
