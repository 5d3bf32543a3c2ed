from .embed import PatchEmbed
from .inverted_residual import InvertedResidual, InvertedResidualV3
from .make_divisible import make_divisible
from .res_layer import ResLayer
from .se_layer import SELayer
from .self_attention_block import SelfAttentionBlock
from .shape_convert import nchw2nlc2nchw, nchw_to_nlc, nlc2nchw2nlc, nlc_to_nchw
from .up_conv_block import UpConvBlock
from .wrappers import Upsample, resize

__all__ = [
    'InvertedResidual',
    'InvertedResidualV3',
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
