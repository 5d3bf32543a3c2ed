from .base import BaseSegmentor
from .cascade_encoder_decoder import CascadeEncoderDecoder
from .depth_estimator import DepthEstimator
from .encoder_decoder import EncoderDecoder
from .multimodal_encoder_decoder import MultimodalEncoderDecoder
from .seg_tta import SegTTAModel

__all__ = [
    'BaseSegmentor',
    'CascadeEncoderDecoder',
    'DepthEstimator',
    'EncoderDecoder',
    'MultimodalEncoderDecoder',
    'SegTTAModel',
]
