"""What stands where in the config of a run: which registry builds it, and what the runner adds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch.utils.data import DataLoader

from mmengine.config import ConfigDict
from mmengine.evaluator import Evaluator
from mmengine.registry import (
    DATA_SAMPLERS,
    DATASETS,
    EVALUATOR,
    FUNCTIONS,
    HOOKS,
    LOG_PROCESSORS,
    LOOPS,
    METRICS,
    MODEL_WRAPPERS,
    MODELS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TASK_UTILS,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
    WEIGHT_INITIALIZERS,
)
from mmengine.registry.check_types import PLACES, Place

from .hook_config import DEFAULT_HOOKS
from .loops import EpochBasedTrainLoop, IterBasedTrainLoop, TestLoop, ValLoop


def _train_loop(node: ConfigDict) -> Any:
    by_epoch = node.get('by_epoch')
    return None if by_epoch is None else EpochBasedTrainLoop if by_epoch else IterBasedTrainLoop


def _metric(node: ConfigDict) -> Any:
    return Evaluator if 'metrics' in node else None


def _default_hook(node: ConfigDict) -> Any:
    return DEFAULT_HOOKS.get(node._path.rpartition('.')[2], {}).get('type')


INITIALIZER = Place(WEIGHT_INITIALIZERS, given=('layer',), extra=('override', 'layer'), complete=False)
PARTS: dict[str, Place] = {
    'init_cfg': INITIALIZER
}  # arguments of models that hold whole models; floors above add theirs
MODEL = Place(MODELS, (TASK_UTILS, WEIGHT_INITIALIZERS), open=True, below=PARTS)
TRANSFORM = Place(TRANSFORMS, open=True)
DATASET = Place(DATASETS, below={'pipeline': TRANSFORM}, open=True)
LOADER = Place(
    DATASETS,
    default=DataLoader,
    extra=('num_batch_per_epoch', 'on_bad_sample'),
    below={
        'dataset': DATASET,
        'sampler': Place(DATA_SAMPLERS, given=('dataset', 'seed')),
        'batch_sampler': Place(DATA_SAMPLERS, given=('sampler', 'batch_size')),
        'collate_fn': Place(FUNCTIONS, given=('data_batch',)),
        'worker_init_fn': Place(FUNCTIONS, given=('worker_id', 'num_workers', 'rank', 'seed')),
    },
)
EVALUATION = Place(METRICS, (EVALUATOR,), default=_metric, below={'metrics': Place(METRICS)})
HOOK = Place(HOOKS, extra=('priority', 'before', 'after'))

PLACES.update(
    model=MODEL,
    data_preprocessor=MODEL,
    tta_model=replace(MODEL, given=('module',)),
    model_wrapper_cfg=Place(MODEL_WRAPPERS, given=('module',)),
    train_dataloader=LOADER,
    val_dataloader=LOADER,
    test_dataloader=LOADER,
    train_cfg=Place(LOOPS, given=('runner', 'dataloader'), extra=('by_epoch',), default=_train_loop),
    val_cfg=Place(LOOPS, given=('runner', 'dataloader', 'evaluator'), default=ValLoop),
    test_cfg=Place(LOOPS, given=('runner', 'dataloader', 'evaluator'), default=TestLoop),
    val_evaluator=EVALUATION,
    test_evaluator=EVALUATION,
    optim_wrapper=Place(
        OPTIM_WRAPPERS,
        default='OptimWrapper',
        given=('optimizer',),
        extra=('constructor', 'paramwise_cfg'),
        free_if='constructor',
        below={'optimizer': Place(OPTIMIZERS, given=('params',))},
    ),
    param_scheduler=Place(
        PARAM_SCHEDULERS, given=('optimizer',), extra=('convert_to_iter_based', 'epoch_length'), named=True
    ),
    default_hooks=replace(HOOK, default=_default_hook, named=True),
    custom_hooks=HOOK,
    visualizer=Place(
        VISUALIZERS,
        default='Visualizer',
        given=('save_dir', 'name'),
        below={'vis_backends': Place(VISBACKENDS, given=('save_dir',))},
    ),
    log_processor=Place(LOG_PROCESSORS, default='LogProcessor'),
)
