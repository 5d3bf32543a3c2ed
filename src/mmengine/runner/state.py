"""What a checkpoint holds of a run, and how a run is put back to it. Each part owns its state; this file composes.

    meta               epoch, iter, seed, config text, …          the published format of the ecosystem
    state_dict         the model
    message_hub        logged scalars and runtime info
    optimizer          the optimizer wrapper (momenta, loss scale, accumulated gradients)
    param_schedulers   one state each
    mmnext             hooks with state, the train loop, global batch: what exact resuming needs beyond that format

Random states are no part of it: they are functions of seed, epoch, index and iteration (`mmengine.dataset.randomness`).
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from mmengine.dist import get_dist_info, get_world_size
from mmengine.optim import BaseOptimWrapper, OptimWrapper, OptimWrapperDict
from mmengine.utils.errors import CheckpointError
from mmengine.version import __version__

from .rank_gradients import own_gradients, with_gradients_of_all

if TYPE_CHECKING:
    from mmengine.hooks import Hook

    from .runner import Runner


def collect(
    runner: Runner,
    save_optimizer: bool,
    save_param_scheduler: bool,
    meta: dict | None,
    by_epoch: bool,
    together: bool = False,
) -> dict[str, Any]:
    """The checkpoint of the run as it stands inside of `after_train_epoch` (`by_epoch`) or `after_train_iter`.

    The counters move on after these stages, so the epoch (iteration) that is ending is counted as done; `meta` may say
    otherwise.

    Args:
        together: all ranks call this, to add the gradients that each has accumulated.
    """
    meta = dict(meta or {})
    meta.setdefault('epoch', runner.epoch + 1 if by_epoch else runner.epoch)
    meta.setdefault('iter', runner.iter if by_epoch else runner.iter + 1)
    meta.update(
        cfg=getattr(runner.cfg, 'pretty_text', ''),
        seed=runner.base_seed,
        experiment_name=runner.experiment_name,
        time=time.strftime('%Y%m%d_%H%M%S', time.localtime()),
        mmengine_version=__version__,
    )
    dataset_meta = getattr(runner.train_dataloader.dataset, 'metainfo', None)
    if dataset_meta is not None:
        meta['dataset_meta'] = dataset_meta
    checkpoint: dict[str, Any] = {
        'meta': meta,
        'state_dict': runner.strategy.model_state(runner.model),
        'message_hub': runner.message_hub.state_dict(),
    }
    if save_optimizer:
        if not isinstance(runner.optim_wrapper, (OptimWrapper, OptimWrapperDict)):
            raise TypeError(f'the optimizer wrapper is not built yet: {runner.optim_wrapper!r}')
        checkpoint['optimizer'] = runner.optim_wrapper.state_dict()
        if together and not runner.strategy.shards:
            checkpoint['optimizer'] = with_gradients_of_all(checkpoint['optimizer'])
    if save_param_scheduler and runner.param_schedulers is not None:
        schedulers = runner.param_schedulers
        if isinstance(schedulers, dict):
            checkpoint['param_schedulers'] = {n: [s.state_dict() for s in group] for n, group in schedulers.items()}
        else:
            checkpoint['param_schedulers'] = [s.state_dict() for s in schedulers]
    loop = runner.train_loop
    checkpoint['mmnext'] = {
        'hooks': {name: hook.state_dict() for name, hook in stateful_hooks(runner)},  # type: ignore[attr-defined]
        'train_loop': loop.state_dict() if hasattr(loop, 'state_dict') else {},
        'global_batch_size': _global_batch_size(runner),
        'world_size': get_world_size(),
    }
    return checkpoint


def restore(
    runner: Runner, checkpoint: dict[str, Any], resume_optimizer: bool, resume_param_scheduler: bool, path: str
) -> None:
    """Put the run, except for the model's weights, to where `checkpoint` was written."""
    meta = checkpoint.get('meta', {})
    if 'epoch' not in meta or 'iter' not in meta:
        raise CheckpointError(
            f'{path} does not say how far its training was (meta has no epoch and iter), so it cannot be resumed; '
            'to start a new run from its weights, use load_from=... without resume'
        )
    loop = runner.train_loop
    loop._epoch, loop._iter = meta['epoch'], meta['iter']  # type: ignore[attr-defined]
    own = checkpoint.get('mmnext', {})
    if hasattr(loop, 'load_state_dict'):
        loop.load_state_dict(own.get('train_loop', {}))
    _adopt_seed(runner, meta.get('seed'))
    _adopt_position(runner, own)
    if 'message_hub' in checkpoint:
        runner.message_hub.load_state_dict(checkpoint['message_hub'])
    if 'optimizer' in checkpoint and resume_optimizer:
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        saved = own_gradients(checkpoint['optimizer'], *get_dist_info())
        runner.optim_wrapper.load_state_dict(runner.strategy.distribute_optimizer_state(saved, runner.optim_wrapper))
    if resume_param_scheduler and runner.param_schedulers is not None and 'param_schedulers' in checkpoint:
        runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)
        _load_schedulers(runner.param_schedulers, checkpoint['param_schedulers'], path)
    elif resume_param_scheduler and runner.param_schedulers is not None:
        runner.logger.warning(f'{path} holds no scheduler states; the schedules begin anew')
    states = own.get('hooks', {})
    for name, hook in stateful_hooks(runner):
        if name in states:
            hook.load_state_dict(states[name])  # type: ignore[attr-defined]


def stateful_hooks(runner: Runner) -> list[tuple[str, Hook]]:
    """Hooks with `state_dict` and `load_state_dict`, named by class; the second of a class is `Name.1` and so on."""
    counts: dict[str, int] = {}
    named = []
    for hook in runner.hooks:
        kind = type(hook).__name__
        number = counts[kind] = counts.get(kind, -1) + 1
        if hasattr(hook, 'state_dict') and hasattr(hook, 'load_state_dict'):
            named.append((f'{kind}.{number}' if number else kind, hook))
    return named


def _load_schedulers(schedulers: Any, states: Any, path: str) -> None:
    if isinstance(schedulers, dict) != isinstance(states, dict):
        raise CheckpointError(
            f'{path} was written with {"several" if isinstance(states, dict) else "one"} optimizer(s)'
        )
    for name, group in schedulers.items() if isinstance(schedulers, dict) else [('', schedulers)]:
        saved = states[name] if name else states
        if len(saved) != len(group):
            raise CheckpointError(
                f'{path} holds {len(saved)} param_schedulers{f" of {name}" if name else ""}, the config '
                f'has {len(group)}; resume with the same schedule, or begin a new one with load_from=...'
            )
        for scheduler, state in zip(group, saved, strict=True):
            scheduler.load_state_dict(state)


def _adopt_seed(runner: Runner, seed: int | None) -> None:
    if seed is None or seed == runner.base_seed:
        return
    if runner._randomness_cfg.get('seed') is not None:
        runner.logger.warning(
            f'the checkpoint was trained with seed {seed}; it replaces {runner.base_seed} of the config'
        )
    runner._randomness_cfg['seed'] = seed
    runner.set_randomness(**runner._randomness_cfg)
    loader = runner.train_dataloader
    if hasattr(loader, 'reseed'):
        loader.reseed(seed)


def _global_batch_size(runner: Runner) -> int | None:
    return getattr(runner.train_dataloader, 'global_batch_size', None)


def _adopt_position(runner: Runner, own: dict) -> None:
    """The place in the data counts iterations: it means the same samples as long as the global batch is the same."""
    before, now = own.get('global_batch_size'), _global_batch_size(runner)
    if before is not None and now is not None and before != now:
        runner.logger.warning(
            f'the checkpoint was trained with a global batch of {before} samples, this run has {now}: the sequence of '
            f'samples does not continue exactly. Keep batch_size x processes at {before} to resume exactly.'
        )


def evaluating(optim_wrapper: Any) -> AbstractContextManager[None]:
    """The wrapper's context of evaluation weights; nothing where there is no wrapper, or one of a user without it."""
    return optim_wrapper.evaluating() if isinstance(optim_wrapper, BaseOptimWrapper) else nullcontext()
