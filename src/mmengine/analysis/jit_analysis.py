"""The former place and name of the analysis. No tracer is used."""

from .model_analysis import _IGNORED_OPS as _IGNORED_OPS
from .model_analysis import ModelAnalysis as JitModelAnalysis

__all__ = ['JitModelAnalysis']
