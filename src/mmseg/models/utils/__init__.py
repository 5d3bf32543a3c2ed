from .basic_block import BasicBlock, Bottleneck
from .embed import PatchEmbed
from .encoding import Encoding
from .inverted_residual import InvertedResidual, InvertedResidualV3
from .layer_norm2d import LayerNorm2d
from .make_divisible import make_divisible
from .ppm import DAPPM, PAPPM
from .res_layer import ResLayer
from .se_layer import SELayer
from .self_attention_block import SelfAttentionBlock
from .shape_convert import nchw2nlc2nchw, nchw_to_nlc, nlc2nchw2nlc, nlc_to_nchw
from .up_conv_block import UpConvBlock
from .wrappers import Upsample, resize

__all__ = [
    'BasicBlock',
    'Bottleneck',
    'DAPPM',
    'Encoding',
    'InvertedResidual',
    'InvertedResidualV3',
    'LayerNorm2d',
    'PAPPM',
    'PatchEmbed',
    'ResLayer',
    'SELayer',
    'SelfAttentionBlock',
    'UpConvBlock',
    'Upsample',
    'make_divisible',
    'nchw2nlc2nchw',
    'nchw_to_nlc',
    'nlc2nchw2nlc',
    'nlc_to_nchw',
    'resize',
]
