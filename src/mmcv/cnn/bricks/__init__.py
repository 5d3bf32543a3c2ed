from mmcv.cnn.bricks.activation import GELU, Clamp, build_activation_layer
from mmcv.cnn.bricks.context_block import ContextBlock
from mmcv.cnn.bricks.conv import build_conv_layer
from mmcv.cnn.bricks.conv2d_adaptive_padding import Conv2dAdaptivePadding
from mmcv.cnn.bricks.conv_module import ConvModule
from mmcv.cnn.bricks.conv_ws import ConvAWS2d, ConvWS2d, conv_ws_2d
from mmcv.cnn.bricks.depthwise_separable_conv_module import DepthwiseSeparableConvModule
from mmcv.cnn.bricks.drop import Dropout, DropPath
from mmcv.cnn.bricks.hsigmoid import HSigmoid
from mmcv.cnn.bricks.hswish import HSwish
from mmcv.cnn.bricks.non_local import NonLocal1d, NonLocal2d, NonLocal3d
from mmcv.cnn.bricks.norm import build_norm_layer, is_norm
from mmcv.cnn.bricks.padding import build_padding_layer
from mmcv.cnn.bricks.plugin import build_plugin_layer
from mmcv.cnn.bricks.scale import LayerScale, Scale
from mmcv.cnn.bricks.swish import Swish
from mmcv.cnn.bricks.transformer import FFN, MultiheadAttention
from mmcv.cnn.bricks.upsample import build_upsample_layer
from mmcv.cnn.bricks.wrappers import (
    Conv2d,
    Conv3d,
    ConvTranspose2d,
    ConvTranspose3d,
    Linear,
    MaxPool2d,
    MaxPool3d,
)

__all__ = [
    'FFN',
    'GELU',
    'Clamp',
    'ContextBlock',
    'Conv2d',
    'Conv2dAdaptivePadding',
    'Conv3d',
    'ConvAWS2d',
    'ConvModule',
    'ConvTranspose2d',
    'ConvTranspose3d',
    'ConvWS2d',
    'DepthwiseSeparableConvModule',
    'DropPath',
    'Dropout',
    'HSigmoid',
    'HSwish',
    'LayerScale',
    'Linear',
    'MaxPool2d',
    'MaxPool3d',
    'MultiheadAttention',
    'NonLocal1d',
    'NonLocal2d',
    'NonLocal3d',
    'Scale',
    'Swish',
    'build_activation_layer',
    'build_conv_layer',
    'build_norm_layer',
    'build_padding_layer',
    'build_plugin_layer',
    'build_upsample_layer',
    'conv_ws_2d',
    'is_norm',
]
