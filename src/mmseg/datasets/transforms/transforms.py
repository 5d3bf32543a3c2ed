from mmseg.datasets.transforms.albu import Albu
from mmseg.datasets.transforms.crop import RandomCrop
from mmseg.datasets.transforms.cutout import RandomCutOut
from mmseg.datasets.transforms.depth_mix import RandomDepthMix
from mmseg.datasets.transforms.edge import GenerateEdge
from mmseg.datasets.transforms.flip import RandomFlip
from mmseg.datasets.transforms.mosaic import RandomMosaic
from mmseg.datasets.transforms.photometric import CLAHE, AdjustGamma, PhotoMetricDistortion, Rerange, RGB2Gray
from mmseg.datasets.transforms.remote_sensing import ConcatCDInput
from mmseg.datasets.transforms.resize import Resize, ResizeShortestEdge, ResizeToMultiple, SegRescale
from mmseg.datasets.transforms.rotate import RandomRotate, RandomRotFlip
from mmseg.datasets.transforms.volume_tones import (
    BioMedicalGaussianBlur,
    BioMedicalGaussianNoise,
    BioMedicalRandomGamma,
)
from mmseg.datasets.transforms.volumes import BioMedical3DPad, BioMedical3DRandomCrop, BioMedical3DRandomFlip

__all__ = [
    'AdjustGamma',
    'Albu',
    'BioMedical3DPad',
    'BioMedical3DRandomCrop',
    'BioMedical3DRandomFlip',
    'BioMedicalGaussianBlur',
    'BioMedicalGaussianNoise',
    'BioMedicalRandomGamma',
    'CLAHE',
    'ConcatCDInput',
    'GenerateEdge',
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
