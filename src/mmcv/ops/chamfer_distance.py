from mmcv.ops.points import chamfer_distance

__all__ = ['chamfer_distance']
