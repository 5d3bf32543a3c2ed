"""Where the time of the first epochs or iterations goes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.profiler import ProfilerActivity, profile, schedule, tensorboard_trace_handler

from mmengine.dist import master_only
from mmengine.registry import HOOKS
from mmengine.utils.errors import ConfigError

from .hook import DATA_BATCH, Hook

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class ProfilerHook(Hook):
    """Runs `torch.profiler` over the first `profile_times` epochs or iterations of a run, on rank 0.

    Args:
        by_epoch: the unit of `profile_times`.
        activity_with_cpu, activity_with_cuda: what is recorded.
        schedule: arguments of `torch.profiler.schedule`, in iterations: `wait`, `warmup`, `active`, `repeat`.
        on_trace_ready: what to do with a trace: a function of the profiler; `dict(type='log_trace',
            sort_by='self_cpu_time_total', row_limit=10)` logs a table; `dict(type='tb_trace', dir_name=None,
            worker_name=None)` writes for TensorBoard, by default below the folder of the log.
        record_shapes, profile_memory, with_stack, with_flops: of the profiler.
        json_trace_path: a file that the trace is written to, for a trace viewer; not with `schedule`.
    """

    priority = 'VERY_LOW'

    def __init__(
        self,
        *,
        by_epoch: bool = True,
        profile_times: int = 1,
        activity_with_cpu: bool = True,
        activity_with_cuda: bool = False,
        schedule: dict | None = None,
        on_trace_ready: Callable | dict | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        json_trace_path: str | None = None,
    ) -> None:
        if profile_times < 1:
            raise ConfigError(f'profile_times should be at least 1, but got {profile_times}')
        if on_trace_ready is not None and not callable(on_trace_ready):
            kind = on_trace_ready.get('type') if isinstance(on_trace_ready, dict) else on_trace_ready
            if kind not in ('log_trace', 'tb_trace'):
                raise ConfigError(
                    "on_trace_ready should be a function, dict(type='log_trace') or dict(type='tb_trace'), "
                    f'but got {on_trace_ready!r}'
                )
        if not (activity_with_cpu or activity_with_cuda):
            raise ConfigError('ProfilerHook has nothing to record: set activity_with_cpu or activity_with_cuda')
        if json_trace_path is not None and schedule is not None:
            raise ConfigError(
                "json_trace_path holds one trace, a schedule gives several; use on_trace_ready=dict(type='tb_trace')"
            )
        self.by_epoch = by_epoch
        self.profile_times = profile_times
        self.activity_with_cpu = activity_with_cpu
        self.activity_with_cuda = activity_with_cuda
        self.schedule = schedule
        self.on_trace_ready = on_trace_ready
        self.record_shapes = record_shapes
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.with_flops = with_flops
        self.json_trace_path = json_trace_path
        self.profiler: profile | None = None
        self._done = 0

    @master_only
    def before_run(self, runner: Runner) -> None:
        if runner.train_loop is None:
            return
        total = runner.max_epochs if self.by_epoch else runner.max_iters
        if self.profile_times > total:
            unit = 'epochs' if self.by_epoch else 'iterations'
            raise ConfigError(f'profile_times={self.profile_times} of ProfilerHook, but the run has {total} {unit}')
        self._parse_trace_config(runner)

    @master_only
    def before_train(self, runner: Runner) -> None:
        activities = [ProfilerActivity.CPU] if self.activity_with_cpu else []
        if self.activity_with_cuda:
            if torch.cuda.is_available():
                activities.append(ProfilerActivity.CUDA)
            else:
                runner.logger.warning('activity_with_cuda of ProfilerHook: there is no CUDA device')
        self.profiler = profile(
            activities=activities or [ProfilerActivity.CPU],
            schedule=schedule(**self.schedule) if self.schedule is not None else None,
            on_trace_ready=self._on_trace_ready,
            record_shapes=self.record_shapes,
            profile_memory=self.profile_memory,
            with_stack=self.with_stack,
            with_flops=self.with_flops,
        )
        self.profiler.start()
        self._done = 0

    def _parse_trace_config(self, runner: Runner) -> None:
        """Make `_on_trace_ready` of `on_trace_ready`."""
        wanted: Any = self.on_trace_ready
        self._on_trace_ready: Callable | None = wanted
        if not isinstance(wanted, dict):
            return
        options = {k: v for k, v in wanted.items() if k != 'type'}
        if wanted['type'] == 'log_trace':
            options = {'sort_by': 'self_cpu_time_total', 'row_limit': 10, **options}

            def log_trace(profiler: Any) -> None:
                runner.logger.log(logging.INFO, f'profile:\n{profiler.key_averages().table(**options)}')

            self._on_trace_ready = log_trace
        else:
            options['dir_name'] = options.get('dir_name') or str(Path(runner.log_dir, 'tf_tracing_logs'))
            self._on_trace_ready = tensorboard_trace_handler(**options)

    def after_train_epoch(self, runner: Runner) -> None:
        if self.profiler is not None and self.by_epoch:
            self._done += 1
            if self._done == self.profile_times:
                self._finish(runner)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict | None = None
    ) -> None:
        if self.profiler is None:
            return
        if self.schedule is not None:
            with warnings.catch_warnings():
                # Each cycle is handed out as it ends, so that it may be cleared.
                warnings.filterwarnings('ignore', 'Warning: Profiler clears events')
                self.profiler.step()
        if not self.by_epoch:
            self._done += 1
            if self._done == self.profile_times:
                self._finish(runner)

    def after_train(self, runner: Runner) -> None:
        if self.profiler is not None:  # the run was stopped early
            self._finish(runner)

    def _finish(self, runner: Runner) -> None:
        if self.profiler is None:
            return
        self.profiler.stop()
        if self.json_trace_path is not None:
            self._export_chrome_trace(runner)
        self.profiler = None

    def _export_chrome_trace(self, runner: Runner) -> None:
        assert self.profiler is not None and self.json_trace_path is not None
        Path(self.json_trace_path).parent.mkdir(parents=True, exist_ok=True)
        self.profiler.export_chrome_trace(self.json_trace_path)
        runner.logger.info(f'the profile is saved to {self.json_trace_path}')
