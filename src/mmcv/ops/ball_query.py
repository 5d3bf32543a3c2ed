from mmcv.ops.points import ball_query

__all__ = ['ball_query']
