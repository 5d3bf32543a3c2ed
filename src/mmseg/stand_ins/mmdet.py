"""Answers for `mmdet`, where it is not installed: the types that published segmentation configs take from it."""

from mmengine import registry as root
from mmengine.registry import Registry

MODELS = Registry('model', parent=root.MODELS, scope='mmdet')
TASK_UTILS = Registry('task util', parent=root.TASK_UTILS, scope='mmdet')
