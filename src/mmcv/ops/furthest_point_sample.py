from mmcv.ops.points import furthest_point_sample, furthest_point_sample_with_dist

__all__ = ['furthest_point_sample', 'furthest_point_sample_with_dist']
