from mmcv.cnn import bricks
from mmcv.cnn.bricks import *  # noqa: F403
from mmcv.cnn.utils import fuse_conv_bn

__all__ = [*bricks.__all__, 'fuse_conv_bn']
