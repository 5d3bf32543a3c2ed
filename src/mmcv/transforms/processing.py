from mmcv.transforms.crop import CenterCrop
from mmcv.transforms.flip import RandomFlip
from mmcv.transforms.grayscale import RandomGrayscale
from mmcv.transforms.normalize import Normalize
from mmcv.transforms.pad import Pad
from mmcv.transforms.resize import RandomChoiceResize, RandomResize, Resize
from mmcv.transforms.test_time_aug import MultiScaleFlipAug, TestTimeAug

__all__ = [
    'CenterCrop',
    'MultiScaleFlipAug',
    'Normalize',
    'Pad',
    'RandomChoiceResize',
    'RandomFlip',
    'RandomGrayscale',
    'RandomResize',
    'Resize',
    'TestTimeAug',
]
