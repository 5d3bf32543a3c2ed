from mmengine.model.amp import autocast

__all__ = ['autocast']
