from .beit import BEiT
from .bisenetv1 import BiSeNetV1
from .bisenetv2 import BiSeNetV2
from .cgnet import CGNet
from .convnext import ConvNeXt
from .ddrnet import DDRNet
from .erfnet import ERFNet
from .fast_scnn import FastSCNN
from .hrnet import HRNet
from .icnet import ICNet
from .mae import MAE
from .mit import MixVisionTransformer
from .mobilenet_v2 import MobileNetV2
from .mobilenet_v3 import MobileNetV3
from .mscan import MSCAN
from .pidnet import PIDNet
from .poolformer import PoolFormer
from .resnest import ResNeSt
from .resnet import ResNet, ResNetV1c, ResNetV1d
from .resnext import ResNeXt
from .stdc import STDCContextPathNet, STDCNet
from .swin import SwinTransformer
from .timm_backbone import TIMMBackbone
from .twins import PCPVT, SVT
from .unet import UNet
from .vit import VisionTransformer
from .vpd import VPD

__all__ = [
    'BEiT',
    'BiSeNetV1',
    'BiSeNetV2',
    'CGNet',
    'ConvNeXt',
    'DDRNet',
    'ERFNet',
    'FastSCNN',
    'HRNet',
    'ICNet',
    'MAE',
    'MSCAN',
    'MixVisionTransformer',
    'MobileNetV2',
    'MobileNetV3',
    'PCPVT',
    'PIDNet',
    'PoolFormer',
    'ResNeSt',
    'ResNeXt',
    'ResNet',
    'ResNetV1c',
    'ResNetV1d',
    'STDCContextPathNet',
    'STDCNet',
    'SVT',
    'SwinTransformer',
    'TIMMBackbone',
    'UNet',
    'VPD',
    'VisionTransformer',
]
