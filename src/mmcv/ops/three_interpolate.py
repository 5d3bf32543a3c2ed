from mmcv.ops.points import three_interpolate

__all__ = ['three_interpolate']
