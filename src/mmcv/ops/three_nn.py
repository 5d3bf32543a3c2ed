from mmcv.ops.points import three_nn

__all__ = ['three_nn']
