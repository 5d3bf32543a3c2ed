from .base_assigner import BaseAssigner
from .hungarian_assigner import HungarianAssigner
from .match_cost import BaseMatchCost, ClassificationCost, CrossEntropyLossCost, DiceCost, FocalLossCost

__all__ = [
    'BaseAssigner',
    'BaseMatchCost',
    'ClassificationCost',
    'CrossEntropyLossCost',
    'DiceCost',
    'FocalLossCost',
    'HungarianAssigner',
]
