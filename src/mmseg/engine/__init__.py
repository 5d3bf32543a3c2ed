from .hooks import PredictionSheetHook, SegVisualizationHook
from .optimizers import (
    ForceDefaultOptimWrapperConstructor,
    LayerDecayOptimizerConstructor,
    LearningRateDecayOptimizerConstructor,
)
from .schedulers import PolyLRRatio

__all__ = [
    'ForceDefaultOptimWrapperConstructor',
    'LayerDecayOptimizerConstructor',
    'LearningRateDecayOptimizerConstructor',
    'PolyLRRatio',
    'PredictionSheetHook',
    'SegVisualizationHook',
]
