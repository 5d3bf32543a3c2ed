"""Operators, all in PyTorch."""

from mmcv.ops.assign_score_withk import assign_score_withk
from mmcv.ops.ball_query import ball_query
from mmcv.ops.bias_act import bias_act
from mmcv.ops.box_iou_quadri import box_iou_quadri
from mmcv.ops.box_iou_rotated import box_iou_rotated
from mmcv.ops.carafe import CARAFE, CARAFEPack, carafe
from mmcv.ops.cc_attention import CrissCrossAttention
from mmcv.ops.chamfer_distance import chamfer_distance
from mmcv.ops.conv2d_gradfix import conv2d, conv_transpose2d
from mmcv.ops.convex_iou import convex_giou, convex_iou
from mmcv.ops.corner_pool import CornerPool
from mmcv.ops.deform_conv import DeformConv2d, DeformConv2dPack, deform_conv2d
from mmcv.ops.diff_iou_rotated import diff_iou_rotated_2d, diff_iou_rotated_3d
from mmcv.ops.filtered_lrelu import filtered_lrelu
from mmcv.ops.focal_loss import SigmoidFocalLoss, sigmoid_focal_loss
from mmcv.ops.furthest_point_sample import furthest_point_sample, furthest_point_sample_with_dist
from mmcv.ops.fused_bias_leakyrelu import FusedBiasLeakyReLU, fused_bias_leakyrelu
from mmcv.ops.gather_points import gather_points
from mmcv.ops.group_points import GroupAll, QueryAndGroup, grouping_operation
from mmcv.ops.iou3d import boxes_iou3d, nms3d, nms3d_normal
from mmcv.ops.masked_conv import MaskedConv2d, masked_conv2d
from mmcv.ops.merge_cells import BaseMergeCell, ConcatCell, GlobalPoolingCell, SumCell
from mmcv.ops.min_area_polygons import min_area_polygons
from mmcv.ops.modulated_deform_conv import ModulatedDeformConv2d, ModulatedDeformConv2dPack, modulated_deform_conv2d
from mmcv.ops.multi_scale_deform_attn import (
    MultiScaleDeformableAttention,
    MultiScaleDeformableAttnFunction,
    multi_scale_deformable_attn_pytorch,
)
from mmcv.ops.nms import batched_nms, nms, nms_match, nms_quadri, nms_rotated
from mmcv.ops.point_sample import point_sample, rel_roi_point_to_rel_img_point
from mmcv.ops.points_in_boxes import points_in_boxes_all, points_in_boxes_cpu, points_in_boxes_part
from mmcv.ops.points_in_polygons import points_in_polygons
from mmcv.ops.points_sampler import PointsSampler
from mmcv.ops.psa_mask import PSAMask
from mmcv.ops.roi_align import RoIAlign, roi_align
from mmcv.ops.roi_align_rotated import RoIAlignRotated, roi_align_rotated
from mmcv.ops.roi_pool import RoIPool, roi_pool
from mmcv.ops.scatter_points import DynamicScatter, dynamic_scatter
from mmcv.ops.sync_bn import SyncBatchNorm
from mmcv.ops.three_interpolate import three_interpolate
from mmcv.ops.three_nn import three_nn
from mmcv.ops.tin_shift import TINShift, tin_shift
from mmcv.ops.upfirdn2d import downsample2d, filter2d, upfirdn2d, upsample2d

__all__ = [
    'BaseMergeCell',
    'CARAFE',
    'CARAFEPack',
    'ConcatCell',
    'CornerPool',
    'CrissCrossAttention',
    'DeformConv2d',
    'DeformConv2dPack',
    'DynamicScatter',
    'FusedBiasLeakyReLU',
    'GlobalPoolingCell',
    'GroupAll',
    'MaskedConv2d',
    'ModulatedDeformConv2d',
    'ModulatedDeformConv2dPack',
    'MultiScaleDeformableAttention',
    'MultiScaleDeformableAttnFunction',
    'PSAMask',
    'PointsSampler',
    'QueryAndGroup',
    'RoIAlign',
    'RoIAlignRotated',
    'RoIPool',
    'SigmoidFocalLoss',
    'SumCell',
    'SyncBatchNorm',
    'TINShift',
    'assign_score_withk',
    'ball_query',
    'batched_nms',
    'bias_act',
    'box_iou_quadri',
    'box_iou_rotated',
    'boxes_iou3d',
    'carafe',
    'chamfer_distance',
    'conv2d',
    'conv_transpose2d',
    'convex_giou',
    'convex_iou',
    'deform_conv2d',
    'diff_iou_rotated_2d',
    'diff_iou_rotated_3d',
    'downsample2d',
    'dynamic_scatter',
    'filter2d',
    'filtered_lrelu',
    'furthest_point_sample',
    'furthest_point_sample_with_dist',
    'fused_bias_leakyrelu',
    'gather_points',
    'grouping_operation',
    'masked_conv2d',
    'min_area_polygons',
    'modulated_deform_conv2d',
    'multi_scale_deformable_attn_pytorch',
    'nms',
    'nms3d',
    'nms3d_normal',
    'nms_match',
    'nms_quadri',
    'nms_rotated',
    'point_sample',
    'points_in_boxes_all',
    'points_in_boxes_cpu',
    'points_in_boxes_part',
    'points_in_polygons',
    'rel_roi_point_to_rel_img_point',
    'roi_align',
    'roi_align_rotated',
    'roi_pool',
    'sigmoid_focal_loss',
    'three_interpolate',
    'three_nn',
    'tin_shift',
    'upfirdn2d',
    'upsample2d',
]
