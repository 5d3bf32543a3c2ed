from .prediction_sheet_hook import PredictionSheetHook
from .visualization_hook import SegVisualizationHook

__all__ = ['PredictionSheetHook', 'SegVisualizationHook']
