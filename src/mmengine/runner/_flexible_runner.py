from .runner import Runner as FlexibleRunner

__all__ = ['FlexibleRunner']
