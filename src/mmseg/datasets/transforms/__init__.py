"""Transforms for segmentation. Registered in `mmseg.registry.TRANSFORMS`; those of mmcv are found there as well."""

from mmseg.datasets.transforms.formatting import PackSegInputs
from mmseg.datasets.transforms.loading import LoadAnnotations, LoadDepthAnnotation, LoadImageFromNDArray
from mmseg.datasets.transforms.remote_sensing import LoadMultipleRSImageFromFile, LoadSingleRSImageFromFile
from mmseg.datasets.transforms.transforms import (
    CLAHE,
    AdjustGamma,
    Albu,
    ConcatCDInput,
    GenerateEdge,
    PhotoMetricDistortion,
    RandomCrop,
    RandomCutOut,
    RandomDepthMix,
    RandomFlip,
    RandomMosaic,
    RandomRotate,
    RandomRotFlip,
    Rerange,
    Resize,
    ResizeShortestEdge,
    ResizeToMultiple,
    RGB2Gray,
    SegRescale,
)

__all__ = [
    'AdjustGamma',
    'Albu',
    'CLAHE',
    'ConcatCDInput',
    'GenerateEdge',
    'LoadAnnotations',
    'LoadDepthAnnotation',
    'LoadImageFromNDArray',
    'LoadMultipleRSImageFromFile',
    'LoadSingleRSImageFromFile',
    'PackSegInputs',
    'PhotoMetricDistortion',
    'RGB2Gray',
    'RandomCrop',
    'RandomCutOut',
    'RandomDepthMix',
    'RandomFlip',
    'RandomMosaic',
    'RandomRotFlip',
    'RandomRotate',
    'Rerange',
    'Resize',
    'ResizeShortestEdge',
    'ResizeToMultiple',
    'SegRescale',
]
