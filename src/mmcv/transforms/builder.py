from mmengine.registry import TRANSFORMS

__all__ = ['TRANSFORMS']
