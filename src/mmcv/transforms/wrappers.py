from mmcv.transforms.compose import Compose
from mmcv.transforms.key_mapper import KeyMapper, TransformBroadcaster
from mmcv.transforms.random_wrappers import RandomApply, RandomChoice

__all__ = ['Compose', 'KeyMapper', 'RandomApply', 'RandomChoice', 'TransformBroadcaster']
