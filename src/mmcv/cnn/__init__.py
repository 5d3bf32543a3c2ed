from mmcv.cnn import bricks
from mmcv.cnn.alexnet import AlexNet
from mmcv.cnn.bricks import *  # noqa: F403
from mmcv.cnn.resnet import ResNet, make_res_layer
from mmcv.cnn.utils import fuse_conv_bn, get_model_complexity_info
from mmcv.cnn.vgg import VGG, make_vgg_layer

__all__ = [
    *bricks.__all__,
    'VGG',
    'AlexNet',
    'ResNet',
    'fuse_conv_bn',
    'get_model_complexity_info',
    'make_res_layer',
    'make_vgg_layer',
]
