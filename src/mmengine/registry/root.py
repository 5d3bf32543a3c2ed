"""The root registries. `locations` are imported when a name is not found; packages that are absent do not matter."""

from .build_functions import build_model_from_cfg, build_runner_from_cfg, build_scheduler_from_cfg
from .registry import Registry

RUNNERS = Registry('runner', build_func=build_runner_from_cfg, locations=['mmengine.runner'])
RUNNER_CONSTRUCTORS = Registry('runner constructor', locations=['mmengine.runner'])
LOOPS = Registry('loop', locations=['mmengine.runner'])
HOOKS = Registry('hook', locations=['mmengine.hooks'])
STRATEGIES = Registry('strategy', locations=['mmengine.strategies'])

DATASETS = Registry('dataset', locations=['mmengine.dataset'])
DATA_SAMPLERS = Registry('data sampler', locations=['mmengine.dataset'])
TRANSFORMS = Registry('transform', locations=['mmengine.dataset', 'mmcv.transforms'])

MODELS = Registry('model', build_func=build_model_from_cfg, locations=['mmengine.model', 'mmcv.cnn', 'mmcv.ops'])
MODEL_WRAPPERS = Registry('model wrapper', locations=['mmengine.model'])
WEIGHT_INITIALIZERS = Registry('weight initializer', locations=['mmengine.model'])

BATCH_SAMPLERS = Registry('batch sampler', locations=['mmengine.dataset'])
OPTIMIZERS = Registry('optimizer', locations=['mmengine.optim'])
OPTIM_WRAPPERS = Registry('optimizer wrapper', locations=['mmengine.optim'])
OPTIM_WRAPPER_CONSTRUCTORS = Registry('optimizer wrapper constructor', locations=['mmengine.optim'])
PARAM_SCHEDULERS = Registry('parameter scheduler', build_func=build_scheduler_from_cfg, locations=['mmengine.optim'])

METRICS = Registry('metric', locations=['mmengine.evaluator'])
EVALUATOR = Registry('evaluator', locations=['mmengine.evaluator'])
TASK_UTILS = Registry('task util', locations=['mmengine.model'])

VISUALIZERS = Registry('visualizer', locations=['mmengine.visualization'])
VISBACKENDS = Registry('visualization backend', locations=['mmengine.visualization'])
LOG_PROCESSORS = Registry('log processor', locations=['mmengine.runner'])
INFERENCERS = Registry('inferencer', locations=['mmengine.infer'])
FUNCTIONS = Registry('function', locations=['mmengine.dataset'])
