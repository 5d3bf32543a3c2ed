"""Constructors of optimizers."""

from .force_default_constructor import ForceDefaultOptimWrapperConstructor
from .layer_decay import LayerDecayOptimizerConstructor, LearningRateDecayOptimizerConstructor

__all__ = [
    'ForceDefaultOptimWrapperConstructor',
    'LayerDecayOptimizerConstructor',
    'LearningRateDecayOptimizerConstructor',
]
