"""Answers for `mmdet`, where it is not installed: the types that published segmentation configs take from it."""

from mmengine import registry as root
from mmengine.registry import Registry
from mmseg.models.assigners import ClassificationCost, CrossEntropyLossCost, DiceCost, FocalLossCost
from mmseg.models.mask_classification import (
    DeformableDetrTransformerEncoder,
    DetrTransformerDecoder,
    Mask2FormerTransformerDecoder,
    MaskCrossEntropyLoss,
    MaskDiceLoss,
    MaskFocalLoss,
    MaskHungarianAssigner,
    MaskPseudoSampler,
    MSDeformAttnPixelDecoder,
    PixelDecoder,
    SinePositionalEncoding,
)

MODELS = Registry('model', parent=root.MODELS, scope='mmdet')
TASK_UTILS = Registry('task util', parent=root.TASK_UTILS, scope='mmdet')

for _model in (
    DeformableDetrTransformerEncoder,
    DetrTransformerDecoder,
    MSDeformAttnPixelDecoder,
    Mask2FormerTransformerDecoder,
    PixelDecoder,
    SinePositionalEncoding,
):
    MODELS.register_module(module=_model)
MODELS.register_module(name='CrossEntropyLoss', module=MaskCrossEntropyLoss)
MODELS.register_module(name='DiceLoss', module=MaskDiceLoss)
MODELS.register_module(name='FocalLoss', module=MaskFocalLoss)

for _util in (ClassificationCost, CrossEntropyLossCost, DiceCost, FocalLossCost, MaskPseudoSampler):
    TASK_UTILS.register_module(module=_util)
TASK_UTILS.register_module(name='HungarianAssigner', module=MaskHungarianAssigner)
