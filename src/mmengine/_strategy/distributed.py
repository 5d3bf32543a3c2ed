from mmengine.strategies import DDPStrategy

__all__ = ['DDPStrategy']
