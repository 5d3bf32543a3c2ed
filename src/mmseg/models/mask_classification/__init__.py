from .base_head import MaskClassificationHead
from .criterion import MaskCrossEntropyLoss, MaskDiceLoss, MaskFocalLoss
from .matching import AssignResult, MaskHungarianAssigner, MaskPseudoSampler, MaskSamplingResult
from .pixel_decoder import MSDeformAttnPixelDecoder, PixelDecoder
from .points import get_uncertain_point_coords_with_randomness, points_for_loss, points_for_matching
from .positional_encoding import SinePositionalEncoding
from .targets import input_size, masks_of_classes, mean_over_ranks, semantic_inference
from .transformer import (
    DeformableDetrTransformerEncoder,
    DeformableDetrTransformerEncoderLayer,
    DetrTransformerDecoder,
    DetrTransformerDecoderLayer,
    Mask2FormerTransformerDecoder,
    Mask2FormerTransformerDecoderLayer,
)

__all__ = [
    'AssignResult',
    'DeformableDetrTransformerEncoder',
    'DeformableDetrTransformerEncoderLayer',
    'DetrTransformerDecoder',
    'DetrTransformerDecoderLayer',
    'MSDeformAttnPixelDecoder',
    'Mask2FormerTransformerDecoder',
    'Mask2FormerTransformerDecoderLayer',
    'MaskClassificationHead',
    'MaskCrossEntropyLoss',
    'MaskDiceLoss',
    'MaskFocalLoss',
    'MaskHungarianAssigner',
    'MaskPseudoSampler',
    'MaskSamplingResult',
    'PixelDecoder',
    'SinePositionalEncoding',
    'get_uncertain_point_coords_with_randomness',
    'input_size',
    'masks_of_classes',
    'mean_over_ranks',
    'points_for_loss',
    'points_for_matching',
    'semantic_inference',
]
