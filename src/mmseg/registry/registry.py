"""The registries of mmseg: children of mmengine's, with the modules that register into them."""

from mmengine import registry as root
from mmengine.registry import Registry

RUNNERS = Registry('runner', parent=root.RUNNERS, scope='mmseg', locations=['mmseg.engine'])
RUNNER_CONSTRUCTORS = Registry(
    'runner constructor', parent=root.RUNNER_CONSTRUCTORS, scope='mmseg', locations=['mmseg.engine']
)
LOOPS = Registry('loop', parent=root.LOOPS, scope='mmseg', locations=['mmseg.engine'])
HOOKS = Registry('hook', parent=root.HOOKS, scope='mmseg', locations=['mmseg.engine.hooks'])
STRATEGIES = Registry('strategy', parent=root.STRATEGIES, scope='mmseg', locations=['mmseg.engine'])
DATASETS = Registry('dataset', parent=root.DATASETS, scope='mmseg', locations=['mmseg.datasets'])
DATA_SAMPLERS = Registry('data sampler', parent=root.DATA_SAMPLERS, scope='mmseg', locations=['mmseg.datasets'])
TRANSFORMS = Registry('transform', parent=root.TRANSFORMS, scope='mmseg', locations=['mmseg.datasets.transforms'])
MODELS = Registry('model', parent=root.MODELS, scope='mmseg', locations=['mmseg.models'])
MODEL_WRAPPERS = Registry('model wrapper', parent=root.MODEL_WRAPPERS, scope='mmseg', locations=['mmseg.models'])
WEIGHT_INITIALIZERS = Registry(
    'weight initializer', parent=root.WEIGHT_INITIALIZERS, scope='mmseg', locations=['mmseg.models']
)
BATCH_SAMPLERS = Registry('batch sampler', parent=root.BATCH_SAMPLERS, scope='mmseg', locations=['mmseg.datasets'])
OPTIMIZERS = Registry('optimizer', parent=root.OPTIMIZERS, scope='mmseg', locations=['mmseg.engine.optimizers'])
OPTIM_WRAPPERS = Registry(
    'optimizer wrapper', parent=root.OPTIM_WRAPPERS, scope='mmseg', locations=['mmseg.engine.optimizers']
)
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optimizer wrapper constructor',
    parent=root.OPTIM_WRAPPER_CONSTRUCTORS,
    scope='mmseg',
    locations=['mmseg.engine.optimizers'],
)
PARAM_SCHEDULERS = Registry(
    'parameter scheduler', parent=root.PARAM_SCHEDULERS, scope='mmseg', locations=['mmseg.engine.schedulers']
)
METRICS = Registry('metric', parent=root.METRICS, scope='mmseg', locations=['mmseg.evaluation'])
EVALUATOR = Registry('evaluator', parent=root.EVALUATOR, scope='mmseg', locations=['mmseg.evaluation'])
TASK_UTILS = Registry(
    'task util', parent=root.TASK_UTILS, scope='mmseg', locations=['mmseg.models', 'mmseg.structures']
)
VISUALIZERS = Registry('visualizer', parent=root.VISUALIZERS, scope='mmseg', locations=['mmseg.visualization'])
VISBACKENDS = Registry(
    'visualization backend', parent=root.VISBACKENDS, scope='mmseg', locations=['mmseg.visualization']
)
LOG_PROCESSORS = Registry('log processor', parent=root.LOG_PROCESSORS, scope='mmseg', locations=['mmseg.visualization'])
INFERENCERS = Registry('inferencer', parent=root.INFERENCERS, scope='mmseg', locations=['mmseg.apis'])
FUNCTIONS = Registry('function', parent=root.FUNCTIONS, scope='mmseg', locations=['mmseg.datasets'])
