"""The runner: holds the parts of a run, builds each at its first use, and calls the loops."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from mmengine.checkpoint import _load_checkpoint, _load_checkpoint_to_model, find_latest_checkpoint, save_checkpoint
from mmengine.config import Config, ConfigDict
from mmengine.dataset.randomness import StepSeeder
from mmengine.dist import (
    get_dist_info,
    infer_launcher,
    is_distributed,
    is_main_process,
    master_only,
)
from mmengine.evaluator import Evaluator
from mmengine.fileio import get_file_backend, join_path
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.model.sharding import is_sharded
from mmengine.optim import OptimWrapper, _ParamScheduler
from mmengine.registry import EVALUATOR, HOOKS, RUNNERS, DefaultScope
from mmengine.strategies import SingleDeviceStrategy, build_strategy, unwrapped
from mmengine.utils import mkdir_or_exist
from mmengine.utils.errors import CheckpointError, ConfigError
from mmengine.visualization import Visualizer

from . import environment, state
from .base_loop import BaseLoop
from .builders import RunnerBuilders, unused_name
from .function_hook import FunctionHook
from .hook_config import build_hook, with_defaults
from .hook_order import check_names
from .hook_profile import HookProfile
from .hook_table import HookTable
from .interrupt import InterruptFlag, TrainingInterrupted
from .loops import EpochBasedTrainLoop, IterBasedTrainLoop, TestLoop, ValLoop, accumulative_counts
from .priority import Priority
from .rank_gradients import has_accumulated
from .ranks import Ranks, keep_log_of_rank
from .restarts import mark_start, restart_count, written_by_this_job
from .utils import set_random_seed

ConfigType = dict | Config | ConfigDict
# Projects import these from here as well.
__all__ = ['ConfigType', 'EpochBasedTrainLoop', 'Evaluator', 'IterBasedTrainLoop', 'Runner', 'TestLoop', 'ValLoop']

# What must be given together for a phase to run.
PHASES = {
    'train': ('train_dataloader', 'train_cfg', 'optim_wrapper'),
    'val': ('val_dataloader', 'val_cfg', 'val_evaluator'),
    'test': ('test_dataloader', 'test_cfg', 'test_evaluator'),
}


@RUNNERS.register_module()
class Runner(RunnerBuilders):
    """Trains, validates and tests a model.

    Every part may be given as a config or as the finished object. What a phase needs must be given together
    (`train_dataloader`, `train_cfg` and `optim_wrapper` to train, and so on); nothing is built before it is needed.

    Args:
        model: config or module with `train_step`, `val_step` and `test_step` as `mmengine.model.BaseModel` has them.
        work_dir: where logs and checkpoints go.
        train_cfg: `dict(by_epoch=True, max_epochs=…)`, `dict(by_epoch=False, max_iters=…)` or a loop with `type`.
        load_from: a checkpoint to start from, or, with `resume`, to go on with.
        resume: go on with `load_from`, or with the newest whole checkpoint of `work_dir`.
        launcher: 'none', 'pytorch', 'slurm' or 'mpi'; None takes that whose environment variables are there.
        randomness: `seed` (None draws one), `deterministic`, `diff_rank_seed`.
        cfg: the whole config, kept for logging and for hooks.
        strategy: how several processes share the work, as `dict(type='FSDPStrategy')`; `DDPStrategy` by default.
        compile: compile the forward of the model; a dict has arguments of `torch.compile`.
    """

    def __init__(
        self,
        model: nn.Module | dict,
        work_dir: str,
        train_dataloader: DataLoader | dict | None = None,
        val_dataloader: DataLoader | dict | list | None = None,
        test_dataloader: DataLoader | dict | list | None = None,
        train_cfg: dict | None = None,
        val_cfg: dict | None = None,
        test_cfg: dict | None = None,
        auto_scale_lr: dict | None = None,
        optim_wrapper: Optimizer | OptimWrapper | dict | None = None,
        param_scheduler: _ParamScheduler | dict | list | None = None,
        val_evaluator: Evaluator | dict | list | None = None,
        test_evaluator: Evaluator | dict | list | None = None,
        default_hooks: dict[str, Hook | dict] | None = None,
        custom_hooks: list[Hook | dict] | None = None,
        data_preprocessor: nn.Module | dict | None = None,
        load_from: str | None = None,
        resume: bool | str = False,
        launcher: str | None = 'none',
        env_cfg: dict = dict(dist_cfg=dict(backend='nccl')),  # noqa: C408
        log_processor: dict | None = None,
        log_level: str = 'INFO',
        visualizer: Visualizer | dict | None = None,
        default_scope: str = 'mmengine',
        randomness: dict = dict(seed=None),  # noqa: C408
        experiment_name: str | None = None,
        cfg: ConfigType | None = None,
        strategy: SingleDeviceStrategy | dict | None = None,
        compile: bool | dict | None = None,
    ) -> None:
        self._work_dir = str(Path(work_dir).resolve())
        # A deep copy keeps what users put in; the runner's own changes stay inside.
        if isinstance(cfg, Config):
            self.cfg = copy.deepcopy(cfg)
        else:
            self.cfg = Config(dict(cfg or {}))

        self._train_dataloader, self._train_loop = train_dataloader, train_cfg
        self._val_dataloader, self._val_loop, self._val_evaluator = val_dataloader, val_cfg, val_evaluator
        self._test_dataloader, self._test_loop, self._test_evaluator = test_dataloader, test_cfg, test_evaluator
        self.optim_wrapper: Any = optim_wrapper
        self.auto_scale_lr = auto_scale_lr
        if param_scheduler is not None and optim_wrapper is None:
            raise ConfigError('param_scheduler is given without optim_wrapper: there is nothing to schedule')
        self.param_schedulers: Any = param_scheduler
        self._check_phases()

        self._launcher = launcher = infer_launcher() if launcher is None else launcher
        self._env_cfg = env_cfg
        environment.setup_env(env_cfg, launcher)
        self._distributed = is_distributed()
        self._rank, self._world_size = get_dist_info()
        self._ranks = Ranks()
        self.strategy = build_strategy(strategy)
        self._device_module = self.strategy.device_module()
        self._randomness_cfg = dict(randomness)
        self.set_randomness(**self._randomness_cfg)

        self._timestamp = environment.shared_timestamp()
        self._experiment_name = self._choose_experiment_name(experiment_name)
        self._log_dir = str(Path(self._work_dir, self._timestamp))
        try:
            mkdir_or_exist(self._log_dir)
        except OSError as e:
            raise ConfigError(
                f'the work dir {self._work_dir} cannot be written: {e.strerror}; choose another work_dir (--work-dir)'
            ) from e
        self.default_scope = DefaultScope.get_instance(self._experiment_name, scope_name=default_scope)
        self.log_processor = self.build_log_processor({} if log_processor is None else log_processor)
        self.logger = self.build_logger(log_level=log_level)
        if self._rank > 0:
            keep_log_of_rank(self.logger, self._log_dir, self._rank)
        self._log_env(env_cfg)
        self.message_hub = self.build_message_hub()
        self.visualizer = self.build_visualizer(visualizer)
        if self.cfg:
            self.visualizer.add_config(self.cfg)

        self._load_from, self._resume = (resume, True) if isinstance(resume, str) else (load_from, resume)
        self._compile = self.cfg.get('compile', False) if compile is None else compile
        self._has_loaded = False
        self._resumed_from: str | None = None
        self._interrupt = InterruptFlag(env_cfg.get('grace_time'))
        self._interrupt.afterwards = self._ranks.end_if_others_failed
        if self._rank == 0:
            mark_start(self._work_dir)

        if isinstance(model, dict) and data_preprocessor is not None:
            model.setdefault('data_preprocessor', data_preprocessor)
        self.model = self.build_model(model)
        self._model_name = type(self.model).__name__
        self.model = self.wrap_model(self.cfg.get('model_wrapper_cfg'), self.model)

        self._hook_table = HookTable()
        if self.cfg.get('profile_hooks', False):
            self._hook_table.profile = HookProfile()
        self.register_hooks(default_hooks, custom_hooks)
        self.logger.info(f'Hooks will be executed in the following order:\n{self.get_hooks_info()}')
        self.dump_config()

    @classmethod
    def from_cfg(cls, cfg: ConfigType) -> Runner:
        """The runner of a whole config; keys that are no argument of the runner stay in `runner.cfg`."""
        cfg = copy.deepcopy(cfg)
        if 'model' not in cfg or 'work_dir' not in cfg:
            absent = 'model' if 'model' not in cfg else 'work_dir'
            hint = "; set it, e.g. cfg.work_dir = './work_dirs/my_run'" if absent == 'work_dir' else ''
            raise ConfigError(f'the config {getattr(cfg, "filename", None) or ""} has no {absent!r}{hint}')
        skip: tuple[str, ...] = (
            'self',
            'model',
            'work_dir',
            'resume',
            'launcher',
            'env_cfg',
            'log_level',
            'default_scope',
        )
        skip += ('randomness', 'cfg')  # these need a value where the config has none
        names = [name for name in inspect.signature(cls.__init__).parameters if name not in skip]
        return cls(
            model=cfg['model'],
            work_dir=cfg['work_dir'],
            resume=cfg.get('resume', False),
            launcher=cfg.get('launcher', 'none'),
            env_cfg=cfg.get('env_cfg') or {'dist_cfg': {'backend': 'nccl'}},
            log_level=cfg.get('log_level', 'INFO'),
            default_scope=cfg.get('default_scope') or 'mmengine',
            randomness=cfg.get('randomness') or {'seed': None},
            cfg=cfg,
            **{name: cfg.get(name) for name in names},
        )

    def _check_phases(self) -> None:
        for phase, names in PHASES.items():
            given = {
                n: getattr(self, 'optim_wrapper' if n == 'optim_wrapper' else f'_{n}'.replace('_cfg', '_loop'))
                for n in names
            }
            missing = [n for n, v in given.items() if v is None]
            if 0 < len(missing) < len(names):
                present = [n for n in names if n not in missing]
                # `optim_wrapper` alone is harmless: a config for testing may keep it.
                if present == ['optim_wrapper']:
                    continue
                raise ConfigError(
                    f'to run {phase}, {", ".join(names)} belong together, but {", ".join(missing)} '
                    f'{"is" if len(missing) == 1 else "are"} None; give all of them or none'
                )

    # ------------------------------------------------------------------ environment

    def setup_env(self, env_cfg: dict) -> None:
        environment.setup_env(env_cfg, self._launcher)

    def _log_env(self, env_cfg: dict) -> None:
        run = {'Distributed launcher': self._launcher, 'Distributed training': self._distributed, 'seed': self._seed}
        environment.log_environment(self.logger, dict(env_cfg), run)

    def set_randomness(self, seed: int | None, diff_rank_seed: bool = False, deterministic: bool = False) -> None:
        """Seed this process; see `randomness` of the class."""
        self._deterministic = deterministic
        self._seed = set_random_seed(seed, deterministic=deterministic, diff_rank_seed=diff_rank_seed)
        self._base_seed = self._seed - self._rank if diff_rank_seed else self._seed
        self.seed_step = StepSeeder(self._base_seed, self._rank, self._device_module)

    def _choose_experiment_name(self, name: str | None) -> str:
        if name is not None:
            return f'{name}_{self._timestamp}'
        filename = getattr(self.cfg, 'filename', None)
        base = f'{Path(filename).stem}_{self._timestamp}' if filename else self._timestamp
        # Two runs of a process within a second must not share logger and message hub.
        return unused_name(MMLogger, base)

    # Here and not among the other builders: projects replace the name `Evaluator` of this module.
    def build_evaluator(self, evaluator: dict | list | Evaluator) -> Evaluator:
        if isinstance(evaluator, Evaluator):
            return evaluator
        if isinstance(evaluator, dict) and 'metrics' in evaluator:
            cfg = dict(evaluator)
            cfg.setdefault('type', 'Evaluator')
            return EVALUATOR.build(cfg)
        return Evaluator(evaluator)

    # ------------------------------------------------------------------ hooks

    def register_hook(self, hook: Hook | dict, priority: str | int | Priority | None = None) -> None:
        """Add one hook. The priority is `priority`, else that of the config, else that of its class.

        A config may also have `before` and `after`: names of hooks that it runs before or after.
        """
        self._hook_table.add(*build_hook(hook, priority))

    def on(
        self,
        stage: str,
        function: Callable[..., Any] | None = None,
        *,
        priority: str | int | None = None,
        before: str | Sequence[str] = (),
        after: str | Sequence[str] = (),
    ) -> Callable[..., Any]:
        """Have a function called at a stage, with the runner and what it takes by name of what the stage gives.

        Returns:
            The function; without one, a decorator.
        """

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self._hook_table.add(FunctionHook(stage, function, priority, before, after))
            return function

        return register if function is None else register(function)

    def register_default_hooks(self, hooks: dict[str, Hook | dict] | None = None) -> None:
        """Add the default hooks; `hooks` replaces one by its key, changes its options, or removes it by None."""
        for hook in with_defaults(hooks):
            self.register_hook(hook)

    def register_custom_hooks(self, hooks: list[Hook | dict]) -> None:
        for hook in hooks:
            self.register_hook(hook)

    def register_hooks(
        self, default_hooks: dict[str, Hook | dict] | None = None, custom_hooks: list[Hook | dict] | None = None
    ) -> None:
        self.register_default_hooks(default_hooks)
        self.register_custom_hooks(custom_hooks or [])
        check_names(self.hooks, lambda name: HOOKS.get(name) is not None)

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Run the hooks of stage `fn_name`."""
        self._hook_table.call(fn_name, self, **kwargs)

    def get_hooks_info(self) -> str:
        """Stage by stage: the hooks in their order, with priorities and where the config asks for them."""
        return self._hook_table.describe()

    # ------------------------------------------------------------------ train, val, test

    def train(self) -> nn.Module:
        """Train, and return the model.

        Raises:
            TrainingInterrupted: after a Ctrl-C or SIGTERM, when the checkpoint is written.
        """
        if self._train_loop is None:
            raise RuntimeError('to train, the runner needs train_dataloader, train_cfg and optim_wrapper')
        if not hasattr(unwrapped(self.model), 'train_step'):
            raise TypeError(f'{self._model_name} has no train_step; derive it from mmengine.model.BaseModel')
        with self._ranks.reporting(self.logger), self._ending_workers():
            return self._train()

    def _train(self) -> nn.Module:
        self._shard_model(training=True)
        loop = self.train_loop
        self.optim_wrapper = self.build_optim_wrapper(self.optim_wrapper)
        self.scale_lr(self.optim_wrapper, self.auto_scale_lr)
        if self.param_schedulers is not None:
            self.param_schedulers = self.build_param_scheduler(self.param_schedulers)
        if self._val_loop is not None:
            self._val_loop = self.build_val_loop(self._val_loop)
        with self._interrupt.listening():
            self.call_hook('before_run')
            if not self.strategy.shards:
                self._init_model_weights()
            self.load_or_resume()
            if getattr(loop, '_update_step', None) is None:  # else the loop itself says what makes an update
                self.optim_wrapper.initialize_count_status(self.model, loop.iter, loop.max_iters)  # type: ignore
            self._maybe_compile('train_step')
            model = loop.run()
            self.call_hook('after_run')
        if self._hook_table.profile is not None:
            self.logger.info(f'Time of the hooks:\n{self._hook_table.profile.report()}')
        return model

    def val(self) -> dict:
        """Validate, and return the metrics."""
        if self._val_loop is None:
            raise RuntimeError('to validate, the runner needs val_dataloader, val_cfg and val_evaluator')
        return self._evaluate(lambda: self.val_loop)

    def test(self) -> dict:
        """Test, and return the metrics."""
        if self._test_loop is None:
            raise RuntimeError('to test, the runner needs test_dataloader, test_cfg and test_evaluator')
        return self._evaluate(lambda: self.test_loop)

    def _evaluate(self, loop: Callable[[], BaseLoop]) -> dict:
        with self._ranks.reporting(self.logger), self._ending_workers():
            self._shard_model(training=False)
            built = loop()
            self.call_hook('before_run')
            self.load_or_resume()
            metrics = built.run()
            self.call_hook('after_run')
        return metrics

    @contextmanager
    def _ending_workers(self) -> Iterator[None]:
        try:
            yield
        finally:
            for loop in (self._train_loop, self._val_loop, self._test_loop):
                if isinstance(loop, BaseLoop):
                    loop.close()

    def _shard_model(self, training: bool) -> None:
        """With a strategy that shards: initialise the model while it is whole, and split it."""
        if not self.strategy.shards or is_sharded(self.model):
            return
        if training and not (isinstance(self.optim_wrapper, dict)):
            raise ConfigError(
                f'{type(self.strategy).__name__} needs optim_wrapper as a config: the parameters of an optimizer that '
                'is built already are not those of the sharded model'
            )
        if training and not getattr(self.strategy, 'skip_init_weights', False):
            self._init_model_weights()
        self.strategy.shard(self.model, _amp_dtype(self.optim_wrapper, self.strategy.device))

    def _init_model_weights(self) -> None:
        model = unwrapped(self.model)
        if hasattr(model, 'init_weights'):
            self.seed_step(-1)
            model.init_weights()  # type: ignore[operator]
        if self._distributed:
            # Every rank has drawn its own weights; rank 0's count.
            for tensor in [*model.parameters(), *model.buffers()]:
                torch.distributed.broadcast(tensor.data, src=0)

    def _maybe_compile(self, target: str) -> None:
        option = self._compile
        if not option or (isinstance(option, dict) and option.get('disable', False)):
            return
        options = dict(option) if isinstance(option, dict) else {}
        model = unwrapped(self.model)
        # The forward alone: hooks, logging and the optimizer around it would only break the graph.
        model.forward = torch.compile(model.forward, **options)
        self.logger.info(f'the forward of {self._model_name} is compiled; its first call takes longer ({target})')

    def check_interrupt(self) -> None:
        """Between two iterations: if a signal asked for it, save and raise TrainingInterrupted."""
        signum = self._interrupt.signum
        if self._world_size > 1:
            signum = self._ranks.stop_signal(signum, self.iter, accumulative_counts(self.optim_wrapper))
        if signum is None:
            return
        name = f'interrupted_iter_{self.iter}.pth'
        path = join_path(self._work_dir, name)
        self.save_checkpoint(self._work_dir, name, meta={'epoch': self.epoch, 'iter': self.iter})
        if is_main_process():
            get_file_backend(path).put_text(path, join_path(self._work_dir, 'last_checkpoint'))
        config = getattr(self.cfg, 'filename', None)
        command = f'mmseg train {config} --work-dir {self._work_dir} --resume' if config else f'resume from {path}'
        raise TrainingInterrupted(
            f'interrupted after iteration {self.iter} of {self.max_iters}; saved to {path}\nto go on: {command}',
            signum,
            path if is_main_process() else None,
        )

    # ------------------------------------------------------------------ checkpoints

    def load_or_resume(self) -> None:
        """Once: load `load_from`, or resume from it or from the newest whole checkpoint of the work dir."""
        if self._has_loaded:
            return
        self._has_loaded = True
        if restart_count() > 0:
            own = find_latest_checkpoint(self._work_dir)
            if own is not None and written_by_this_job(own, self._work_dir):
                self.logger.warning(f'start number {restart_count() + 1} of this job: it goes on from {own}')
                self.resume(own)
                return
        if self._resume:
            source = self._load_from or find_latest_checkpoint(self._work_dir)
            if source is None:
                self.logger.warning(f'nothing to resume from in {self._work_dir}: the training begins at 0')
                return
            self.resume(source)
        elif self._load_from is not None:
            self.load_checkpoint(self._load_from)

    def load_checkpoint(
        self,
        filename: str,
        map_location: str | Callable = 'cpu',
        strict: bool = False,
        revise_keys: list = [(r'^module.', '')],
    ) -> dict:
        """Load the weights of a checkpoint into the model, and return the whole of it.

        Args:
            revise_keys: pairs of a regular expression and its replacement, applied to the names of the state dict.
        """
        trust = bool(self.cfg.get('trust_checkpoint', False))
        checkpoint = self.strategy.read(filename)
        if checkpoint is None:
            checkpoint = _load_checkpoint(filename, map_location=map_location, logger=self.logger, trust=trust)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        try:
            _load_checkpoint_to_model(self.model, checkpoint, strict, self.logger, revise_keys)
        except CheckpointError as error:
            error.add_note(f'while loading {filename} into {self._model_name}')
            raise
        self._has_loaded = True
        self.logger.info(f'Load checkpoint from {filename}')
        return checkpoint

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: str | Callable = 'default',
    ) -> None:
        """Put the whole run to where the checkpoint was written."""
        location = 'cpu' if map_location == 'default' else map_location
        self._resume = True  # hooks ask it, also where a script calls this
        checkpoint = self.load_checkpoint(filename, map_location=location)
        if self._train_loop is None:
            raise ConfigError('resume goes on with a training; to test or validate a checkpoint, use load_from')
        _ = self.train_loop  # built before its counters are set
        state.restore(self, checkpoint, resume_optimizer, resume_param_scheduler, filename)
        self._has_loaded = True
        self._resumed_from = str(filename)
        self.logger.info(f'resumed epoch: {self.epoch}, iter: {self.iter} from {filename}')

    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict | None = None,
        by_epoch: bool = True,
        backend_args: dict | None = None,
        write: Callable[..., None] = save_checkpoint,
    ) -> None:
        """Write the run to `out_dir/filename`, whole or not at all.

        On several ranks all should call it. All must where the model is sharded, or where gradients are accumulated
        over iterations; if rank 0 is alone then for a minute, it writes without the others' gradients and says so, or
        raises where the model is sharded.

        Args:
            meta: further entries; `epoch` and `iter` in it override what follows from `by_epoch`.
            by_epoch: whether this is called as an epoch ends (which then counts as done) or as an iteration ends.
            write: called with the checkpoint, its path and `backend_args`.
        """
        backend_args = backend_args if backend_args is not None else file_client_args
        together = self._save_together(filename, save_optimizer)
        # On all ranks, though one writes: they must stay alike.
        with state.evaluating(self.optim_wrapper):
            if not (together or is_main_process()):
                return
            checkpoint = state.collect(self, save_optimizer, save_param_scheduler, meta, by_epoch, together)
            if is_main_process() or self.strategy.shards:
                self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
                path = join_path(out_dir, filename, backend_args=backend_args)
                self.strategy.write(checkpoint, path, write, save_checkpoint, backend_args)

    def _save_together(self, filename: str, save_optimizer: bool) -> bool:
        """Whether all ranks take part in the save, because they have to and are there."""
        sharded = self.strategy.shards and self._distributed
        if not sharded and not (self._distributed and save_optimizer and has_accumulated(self.optim_wrapper)):
            return False
        missing = self._ranks.missing_in(f'{filename} after {self.iter}')
        if not missing:
            return True
        names = ', '.join(map(str, missing))
        if sharded:
            raise CheckpointError(
                f'{filename} cannot be saved: each rank holds a part of the model, but rank {names} does not call '
                'save_checkpoint; call it on all ranks'
            )
        self.logger.warning(
            f'{filename} lacks the accumulated gradients of rank {names}, which did not call save_checkpoint: a run '
            'that resumes from it does not go on exactly. Call it on all ranks'
        )
        return False

    @master_only
    def dump_config(self) -> None:
        """Write the config to the work dir."""
        name = Path(self.cfg.filename).name if self.cfg.filename else f'{self._timestamp}.py'
        self.cfg.dump(str(Path(self._work_dir, name)))


def _amp_dtype(optim_wrapper: Any, device: torch.device) -> torch.dtype | None:
    """The dtype of mixed precision that the config of an optimizer wrapper asks for."""
    if not isinstance(optim_wrapper, dict) or 'Amp' not in str(optim_wrapper.get('type')):
        return None
    dtype = optim_wrapper.get('dtype')
    return getattr(torch, dtype) if isinstance(dtype, str) else dtype or torch.get_autocast_dtype(device.type)
