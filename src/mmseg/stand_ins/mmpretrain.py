"""Answers for `mmpretrain`, where it is not installed: the types that published segmentation configs take from it."""

from mmengine import registry as root
from mmengine.registry import Registry
from mmseg.models.backbones import ConvNeXt, PoolFormer

MODELS = Registry('model', parent=root.MODELS, scope='mmpretrain')
TASK_UTILS = Registry('task util', parent=root.TASK_UTILS, scope='mmpretrain')

for _model in (ConvNeXt, PoolFormer):
    MODELS.register_module(module=_model)
