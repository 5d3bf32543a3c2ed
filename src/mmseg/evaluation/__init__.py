from .metrics import CityscapesMetric, DepthMetric, IoUMetric

__all__ = [
    'CityscapesMetric',
    'DepthMetric',
    'IoUMetric',
]
