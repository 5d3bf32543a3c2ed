from .metrics import DepthMetric, IoUMetric

__all__ = [
    'DepthMetric',
    'IoUMetric',
]
