"""Optimizers of other packages by scope: `timm.Lamb`, `bitsandbytes.AdamW8bit`, `torchao.AdamW8bit`,
`schedulefree.AdamWScheduleFree`. A package is imported when one of its optimizers is asked for."""

from __future__ import annotations

import importlib
import inspect

from torch.optim import Optimizer

from mmengine.registry import OPTIMIZERS, Registry
from mmengine.utils.errors import MissingDependencyError

FAMILIES = {'timm': 'timm.optim', 'bitsandbytes': 'bitsandbytes.optim', 'torchao': 'torchao.optim', 'schedulefree': ''}


class OptimizerFamily(Registry):
    """The optimizers of a package that knows nothing of registries; its module is the only location."""

    def import_from_location(self) -> None:
        if self._imported:
            return
        self._imported = True
        place = self._locations[0]
        try:
            module = importlib.import_module(place)
        except (ImportError, RuntimeError) as error:  # a package built for another torch raises either
            missing = MissingDependencyError(f'{type(error).__name__}: {error}; pip install {self.scope}')
            missing.__cause__ = error
            self._failed[place] = missing
            return
        for name, cls in vars(module).items():
            if inspect.isclass(cls) and issubclass(cls, Optimizer) and cls is not Optimizer:
                self._module_dict.setdefault(name, cls)


for _scope, _module in FAMILIES.items():
    OptimizerFamily('optimizer', parent=OPTIMIZERS, scope=_scope, locations=[_module or _scope])
