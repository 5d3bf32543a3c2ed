from .evaluator import Evaluator
from .metric import BaseMetric, DumpResults, samples_of_rank
from .utils import get_metric_value

__all__ = ['BaseMetric', 'DumpResults', 'Evaluator', 'get_metric_value', 'samples_of_rank']
