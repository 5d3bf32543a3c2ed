"""From configs to the parts of a run. Each function takes a config or the finished thing, and returns the thing."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import torch
from torch.optim import Optimizer
from torch.utils.data import DataLoader, IterableDataset

from mmengine.config.origin import where
from mmengine.dataset import KeyedDataLoader, worker_init_fn
from mmengine.dist import get_rank, get_world_size
from mmengine.optim import OptimWrapper, OptimWrapperDict, _ParamScheduler, build_optim_wrapper
from mmengine.registry import DATA_SAMPLERS, DATASETS, FUNCTIONS, OPTIM_WRAPPERS, PARAM_SCHEDULERS
from mmengine.utils.errors import ArgumentError, ConfigError


def build_dataloader(dataloader: DataLoader | dict, seed: int) -> DataLoader:
    """A loader from its config: keys of `torch.utils.data.DataLoader`, with `dataset`, `sampler` and `batch_sampler` as
    configs or objects and `collate_fn` as a name, a config or a function.

    Every rank passes the same `seed`: order and augmentation of a sample depend on seed, epoch and index alone.
    """
    if not isinstance(dataloader, dict):
        return dataloader
    cfg = copy.copy(dict(dataloader))
    dataset_cfg = cfg.pop('dataset')
    dataset = DATASETS.build(dataset_cfg) if isinstance(dataset_cfg, dict) else dataset_cfg
    if hasattr(dataset, 'full_init'):
        dataset.full_init()

    sampler = cfg.pop('sampler', None)
    if isinstance(sampler, dict):
        sampler = DATA_SAMPLERS.build(sampler, default_args={'dataset': dataset, 'seed': seed})
    batch_sampler = cfg.pop('batch_sampler', None)
    if isinstance(batch_sampler, dict):
        batch_sampler = DATA_SAMPLERS.build(
            batch_sampler, default_args={'sampler': sampler, 'batch_size': cfg.pop('batch_size', 1)}
        )
    elif batch_sampler is not None:
        cfg.pop('batch_size', None)

    cfg['collate_fn'] = _collate(cfg.pop('collate_fn', {'type': 'pseudo_collate'}))
    init = cfg.pop('worker_init_fn', None)
    workers = cfg.get('num_workers', 0)
    if isinstance(init, dict):
        init = dict(init)
        function = FUNCTIONS.get(init.pop('type'))
        init = partial(function, **init)
    if init is None and workers > 0:
        init = partial(worker_init_fn, num_workers=workers, rank=get_rank(), seed=seed)
    if workers == 0:
        # Configs state both for all numbers of workers; torch refuses them without any.
        cfg.pop('persistent_workers', None)
        cfg.pop('prefetch_factor', None)
    try:
        if isinstance(dataset, IterableDataset):
            return DataLoader(dataset, worker_init_fn=init, **cfg)
        return KeyedDataLoader(
            dataset, seed=seed, sampler=sampler, batch_sampler=batch_sampler, worker_init_fn=init, **cfg
        )
    except TypeError as error:
        raise ArgumentError(f'{error}\n  in the data loader at {where(dataloader) or dataloader}') from error


def _collate(cfg: Any) -> Any:
    if isinstance(cfg, str):
        cfg = {'type': cfg}
    if not isinstance(cfg, dict):
        return cfg
    cfg = dict(cfg)
    kind = cfg.pop('type')
    function = FUNCTIONS.get(kind) if isinstance(kind, str) else kind
    if function is None:
        raise ConfigError(f'collate_fn {kind!r} is not registered; registered are {", ".join(FUNCTIONS.module_dict)}')
    return partial(function, **cfg) if cfg else function


def build_optimizers(
    optim_wrapper: Optimizer | OptimWrapper | OptimWrapperDict | dict, model: torch.nn.Module
) -> OptimWrapper | OptimWrapperDict:
    """The optimizer wrapper of a run.

    A config with `optimizer` or `constructor` is built through its constructor; a dict of several wrappers becomes an
    `OptimWrapperDict`.
    """
    if isinstance(optim_wrapper, (OptimWrapper, OptimWrapperDict)):
        return optim_wrapper
    if isinstance(optim_wrapper, Optimizer):
        return OptimWrapper(optimizer=optim_wrapper)
    if not isinstance(optim_wrapper, dict):
        raise TypeError(
            f'optim_wrapper should be a config, an optimizer or an OptimWrapper, but got {type(optim_wrapper)}'
        )
    optimizer = optim_wrapper.get('optimizer')
    if isinstance(optimizer, Optimizer):
        cfg = dict(optim_wrapper)
        cfg.setdefault('type', 'OptimWrapper')
        return OPTIM_WRAPPERS.build(cfg)
    if optimizer is not None or 'constructor' in optim_wrapper:
        return build_optim_wrapper(model, optim_wrapper)  # type: ignore[return-value]
    if any(isinstance(v, (Optimizer, OptimWrapper)) for v in optim_wrapper.values()):
        return OptimWrapperDict(**{k: build_optimizers(v, model) for k, v in optim_wrapper.items()})
    raise ConfigError(
        'optim_wrapper needs `optimizer`, or a `constructor` that makes one, or optimizer wrappers by name; '
        f'it has {", ".join(map(str, optim_wrapper)) or "nothing"}\n  at {where(optim_wrapper)}'
    )


Schedulers = list[_ParamScheduler] | dict[str, list[_ParamScheduler]]


def build_schedulers(
    scheduler: Any, optim_wrapper: OptimWrapper | OptimWrapperDict, epoch_length: int | None, max_epochs: int
) -> Schedulers:
    """The schedulers of one optimizer as a list, or of several optimizers as a dict of lists.

    Args:
        epoch_length: iterations of an epoch, for schedulers with `convert_to_iter_based`.
        max_epochs: the default `end` of schedulers by epoch.
    """
    if not isinstance(optim_wrapper, OptimWrapperDict):
        return _scheduler_list(scheduler, optim_wrapper, epoch_length, max_epochs)
    if isinstance(scheduler, dict) and 'type' not in scheduler:
        return {
            name: _scheduler_list(cfg, optim_wrapper[name], epoch_length, max_epochs) for name, cfg in scheduler.items()
        }
    return {
        name: _scheduler_list(scheduler, wrapper, epoch_length, max_epochs) for name, wrapper in optim_wrapper.items()
    }


def _scheduler_list(
    scheduler: Any, optim_wrapper: OptimWrapper, epoch_length: int | None, max_epochs: int
) -> list[_ParamScheduler]:
    built = []
    for cfg in scheduler if isinstance(scheduler, (list, tuple)) else [scheduler]:
        if isinstance(cfg, _ParamScheduler):
            built.append(cfg)
            continue
        if not isinstance(cfg, dict):
            raise TypeError(f'param_scheduler should hold configs or schedulers, but got {cfg!r}')
        cfg = copy.copy(cfg)
        if cfg.get('by_epoch', True):
            cfg.setdefault('end', max_epochs)
        built.append(
            PARAM_SCHEDULERS.build(cfg, default_args={'optimizer': optim_wrapper, 'epoch_length': epoch_length})
        )
    return built


def scale_learning_rate(
    optim_wrapper: OptimWrapper | OptimWrapperDict, auto_scale_lr: dict | None, batch_size: int
) -> str | None:
    """Multiply all learning rates by (global batch size / `base_batch_size`) if `auto_scale_lr['enable']`.

    Returns:
        What was done, in words.
    """
    if not auto_scale_lr or not auto_scale_lr.get('enable', False):
        return None
    if 'base_batch_size' not in auto_scale_lr:
        raise ConfigError('auto_scale_lr is enabled but has no base_batch_size')
    base = auto_scale_lr['base_batch_size']
    total = batch_size * get_world_size()
    ratio = total / base
    wrappers = optim_wrapper.values() if isinstance(optim_wrapper, OptimWrapperDict) else [optim_wrapper]
    for wrapper in wrappers:
        for group in wrapper.optimizer.param_groups:
            group['lr'] *= ratio
            if 'initial_lr' in group:
                group['initial_lr'] *= ratio
    return f'learning rates are scaled by {ratio:g}: global batch {total} against base_batch_size {base}'


__all__ = ['build_dataloader', 'build_optimizers', 'build_schedulers', 'scale_learning_rate']
