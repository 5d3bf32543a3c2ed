"""Schedulers of the learning rate."""

from .poly_ratio_scheduler import PolyLRRatio

__all__ = ['PolyLRRatio']
