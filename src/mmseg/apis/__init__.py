from .export import export_model
from .inference import inference_model, init_model, show_result_pyplot
from .mmseg_inferencer import MMSegInferencer
from .remote_sense_inferencer import RSImage, RSInferencer

__all__ = [
    'MMSegInferencer',
    'RSImage',
    'RSInferencer',
    'export_model',
    'inference_model',
    'init_model',
    'show_result_pyplot',
]
