from mmengine.strategies import SingleDeviceStrategy

__all__ = ['SingleDeviceStrategy']
