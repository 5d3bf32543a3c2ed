"""What inferencers of all tasks share."""

from .infer import BaseInferencer

__all__ = ['BaseInferencer']
