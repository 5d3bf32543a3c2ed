"""The transformer layers under their public path."""

from mmcv.cnn.bricks.attention import (
    FFN,
    MultiheadAttention,
    build_attention,
    build_feedforward_network,
    build_positional_encoding,
)
from mmcv.cnn.bricks.deformable_attention import MultiScaleDeformableAttention
from mmcv.cnn.bricks.drop import build_dropout
from mmcv.cnn.bricks.patch import AdaptivePadding, PatchEmbed, PatchMerging
from mmcv.cnn.bricks.scale import LayerScale
from mmcv.cnn.bricks.transformer_layer import (
    BaseTransformerLayer,
    TransformerLayerSequence,
    build_transformer_layer,
    build_transformer_layer_sequence,
)

__all__ = [
    'FFN',
    'AdaptivePadding',
    'BaseTransformerLayer',
    'LayerScale',
    'MultiScaleDeformableAttention',
    'MultiheadAttention',
    'PatchEmbed',
    'PatchMerging',
    'TransformerLayerSequence',
    'build_attention',
    'build_dropout',
    'build_feedforward_network',
    'build_positional_encoding',
    'build_transformer_layer',
    'build_transformer_layer_sequence',
]
