"""Transforms: dicts of one sample in, dicts out. Registered in `mmengine.registry.TRANSFORMS`."""

from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS
from mmcv.transforms.formatting import ImageToTensor, ToTensor, to_tensor
from mmcv.transforms.loading import LoadAnnotations, LoadImageFromFile
from mmcv.transforms.processing import (
    CenterCrop,
    MultiScaleFlipAug,
    Normalize,
    Pad,
    RandomChoiceResize,
    RandomFlip,
    RandomGrayscale,
    RandomResize,
    Resize,
    TestTimeAug,
)
from mmcv.transforms.utils import avoid_cache_randomness, cache_random_params, cache_randomness
from mmcv.transforms.wrappers import (
    Compose,
    KeyMapper,
    RandomApply,
    RandomChoice,
    TransformBroadcaster,
)

__all__ = [
    'TRANSFORMS',
    'BaseTransform',
    'CenterCrop',
    'Compose',
    'ImageToTensor',
    'KeyMapper',
    'LoadAnnotations',
    'LoadImageFromFile',
    'MultiScaleFlipAug',
    'Normalize',
    'Pad',
    'RandomApply',
    'RandomChoice',
    'RandomChoiceResize',
    'RandomFlip',
    'RandomGrayscale',
    'RandomResize',
    'Resize',
    'TestTimeAug',
    'ToTensor',
    'TransformBroadcaster',
    'avoid_cache_randomness',
    'cache_random_params',
    'cache_randomness',
    'to_tensor',
]
