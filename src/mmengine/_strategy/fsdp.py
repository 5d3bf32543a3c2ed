from mmengine.strategies import FSDPStrategy

__all__ = ['FSDPStrategy']
