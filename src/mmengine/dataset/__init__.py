from .base_dataset import BaseDataset, Compose, force_full_init
from .dataset_wrapper import ClassBalancedDataset, ConcatDataset, RepeatDataset
from .loader import KeyedDataLoader
from .randomness import sample_generator
from .sampler import DefaultSampler, InfiniteSampler
from .utils import COLLATE_FUNCTIONS, default_collate, pseudo_collate, worker_init_fn

__all__ = [
    'COLLATE_FUNCTIONS',
    'BaseDataset',
    'ClassBalancedDataset',
    'Compose',
    'ConcatDataset',
    'DefaultSampler',
    'InfiniteSampler',
    'KeyedDataLoader',
    'RepeatDataset',
    'default_collate',
    'force_full_init',
    'pseudo_collate',
    'sample_generator',
    'worker_init_fn',
]
