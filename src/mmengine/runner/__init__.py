from mmengine.model.amp import autocast

from . import amp, checkpoint
from .base_loop import BaseLoop
from .checkpoint import (
    CheckpointLoader,
    find_latest_checkpoint,
    get_state_dict,
    load_checkpoint,
    load_state_dict,
    save_checkpoint,
    weights_to_cpu,
)
from .interrupt import TrainingInterrupted
from .log_processor import LogProcessor
from .loops import EpochBasedTrainLoop, IterBasedTrainLoop, TestLoop, ValLoop
from .priority import Priority, get_priority
from .runner import Runner
from .utils import set_random_seed

FlexibleRunner = Runner

__all__ = [
    'BaseLoop',
    'CheckpointLoader',
    'EpochBasedTrainLoop',
    'FlexibleRunner',
    'IterBasedTrainLoop',
    'LogProcessor',
    'Priority',
    'Runner',
    'TestLoop',
    'TrainingInterrupted',
    'ValLoop',
    'amp',
    'autocast',
    'checkpoint',
    'find_latest_checkpoint',
    'get_priority',
    'get_state_dict',
    'load_checkpoint',
    'load_state_dict',
    'save_checkpoint',
    'set_random_seed',
    'weights_to_cpu',
]
