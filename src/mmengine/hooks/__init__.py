from .checkpoint_hook import CheckpointHook
from .early_stopping_hook import EarlyStoppingHook
from .ema_hook import EMAHook
from .empty_cache_hook import EmptyCacheHook
from .freeze_hook import FreezeHook
from .grad_norm_hook import GradNormHook
from .hook import Hook
from .iter_timer_hook import IterTimerHook
from .logger_hook import LoggerHook
from .naive_visualization_hook import NaiveVisualizationHook
from .nan_guard_hook import NaNGuardHook
from .param_scheduler_hook import ParamSchedulerHook
from .profiler_hook import ProfilerHook
from .progress_hook import ProgressBarHook
from .runtime_info_hook import RuntimeInfoHook
from .sampler_seed_hook import DistSamplerSeedHook
from .sync_buffer_hook import SyncBuffersHook
from .test_time_aug_hook import PrepareTTAHook, build_runner_with_tta
from .throughput_hook import ThroughputHook
from .unused_parameters_hook import UnusedParametersHook

__all__ = [
    'CheckpointHook',
    'DistSamplerSeedHook',
    'EMAHook',
    'EarlyStoppingHook',
    'EmptyCacheHook',
    'FreezeHook',
    'GradNormHook',
    'Hook',
    'IterTimerHook',
    'LoggerHook',
    'NaNGuardHook',
    'NaiveVisualizationHook',
    'ParamSchedulerHook',
    'PrepareTTAHook',
    'ProfilerHook',
    'ProgressBarHook',
    'RuntimeInfoHook',
    'SyncBuffersHook',
    'ThroughputHook',
    'UnusedParametersHook',
    'build_runner_with_tta',
]
