from .checkpoint_hook import CheckpointHook
from .hook import Hook
from .iter_timer_hook import IterTimerHook
from .logger_hook import LoggerHook
from .param_scheduler_hook import ParamSchedulerHook
from .progress_hook import ProgressBarHook
from .runtime_info_hook import RuntimeInfoHook
from .sampler_seed_hook import DistSamplerSeedHook

__all__ = [
    'CheckpointHook',
    'DistSamplerSeedHook',
    'Hook',
    'IterTimerHook',
    'LoggerHook',
    'ParamSchedulerHook',
    'ProgressBarHook',
    'RuntimeInfoHook',
]
