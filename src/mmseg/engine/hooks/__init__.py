from .data_check_hook import DataCheckHook
from .prediction_sheet_hook import PredictionSheetHook
from .visualization_hook import SegVisualizationHook

__all__ = ['DataCheckHook', 'PredictionSheetHook', 'SegVisualizationHook']
