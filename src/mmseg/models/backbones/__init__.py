from .fast_scnn import FastSCNN
from .mit import MixVisionTransformer
from .resnet import ResNet, ResNetV1c, ResNetV1d
from .unet import UNet

__all__ = ['FastSCNN', 'MixVisionTransformer', 'ResNet', 'ResNetV1c', 'ResNetV1d', 'UNet']
