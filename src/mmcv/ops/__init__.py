"""Operators, all in PyTorch."""

from mmcv.ops.cc_attention import CrissCrossAttention
from mmcv.ops.deform_conv import DeformConv2d, DeformConv2dPack, deform_conv2d
from mmcv.ops.focal_loss import SigmoidFocalLoss, sigmoid_focal_loss
from mmcv.ops.modulated_deform_conv import (
    ModulatedDeformConv2d,
    ModulatedDeformConv2dPack,
    modulated_deform_conv2d,
)
from mmcv.ops.multi_scale_deform_attn import (
    MultiScaleDeformableAttention,
    MultiScaleDeformableAttnFunction,
    multi_scale_deformable_attn_pytorch,
)
from mmcv.ops.nms import batched_nms, nms
from mmcv.ops.point_sample import point_sample, rel_roi_point_to_rel_img_point
from mmcv.ops.psa_mask import PSAMask
from mmcv.ops.roi_align import RoIAlign, roi_align
from mmcv.ops.sync_bn import SyncBatchNorm

__all__ = [
    'CrissCrossAttention',
    'DeformConv2d',
    'DeformConv2dPack',
    'ModulatedDeformConv2d',
    'ModulatedDeformConv2dPack',
    'MultiScaleDeformableAttention',
    'MultiScaleDeformableAttnFunction',
    'PSAMask',
    'RoIAlign',
    'SigmoidFocalLoss',
    'SyncBatchNorm',
    'batched_nms',
    'deform_conv2d',
    'modulated_deform_conv2d',
    'multi_scale_deformable_attn_pytorch',
    'nms',
    'point_sample',
    'rel_roi_point_to_rel_img_point',
    'roi_align',
    'sigmoid_focal_loss',
]
