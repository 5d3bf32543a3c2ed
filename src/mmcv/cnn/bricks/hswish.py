from torch import nn

from mmengine.registry import MODELS

HSwish = nn.Hardswish
MODELS.register_module(name='HSwish', module=HSwish)
