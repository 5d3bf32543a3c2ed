"""Predictions of several augmented views of a sample, merged."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from mmengine.model.base_model import BaseModel
from mmengine.registry import MODELS


@MODELS.register_module()
class BaseTTAModel(BaseModel):
    """Runs `module.test_step` on every view. Derived classes write `merge_preds`.

    It loads checkpoints of its module as well as its own.

    Args:
        module: the model, or a config of it.
        data_preprocessor: replaces the one in the config of the model.
    """

    def __init__(
        self, module: dict[str, Any] | nn.Module, data_preprocessor: dict[str, Any] | nn.Module | None = None
    ) -> None:
        super().__init__()
        if isinstance(module, Mapping):
            config = dict(module)
            if data_preprocessor is not None:
                config['data_preprocessor'] = data_preprocessor
            module = MODELS.build(config)
        if not isinstance(module, nn.Module) or not hasattr(module, 'test_step'):
            raise TypeError(f'module should be a model with a test_step, or a config of one, but got {module!r}')
        self.module: Any = module

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        mine = [key for key in state_dict if key.startswith(prefix)]
        if not any(key.startswith(f'{prefix}module.') for key in mine):
            for key in mine:
                state_dict[f'{prefix}module.{key.removeprefix(prefix)}'] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def merge_preds(self, data_samples_list: list[list[Any]]) -> list[Any]:
        """Merge results.

        Args:
            data_samples_list: for every sample of the batch the results of its views.

        Returns:
            One result a sample.
        """
        raise NotImplementedError(f'{type(self).__name__} has no merge_preds')

    def test_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        """Merged predictions.

        Args:
            data: a batch of which every field is a list with an item a view: `dict(inputs=[view1, view2], ...)`,
                each of them as `test_step` of the model takes it.
        """
        views: list[Any]
        if isinstance(data, Mapping):
            count = len(next(iter(data.values())))
            views = [{key: value[i] for key, value in data.items()} for i in range(count)]
        elif isinstance(data, list | tuple):
            views = [[value[i] for value in data] for i in range(len(data[0]))]
        else:
            raise TypeError(f'data of a model should be a dict, list or tuple, but got {type(data).__name__}')
        results = [self.module.test_step(view) for view in views]
        return self.merge_preds([list(sample) for sample in zip(*results, strict=True)])

    def forward(self, inputs: torch.Tensor, data_samples: list[Any] | None = None, mode: str = 'tensor') -> Any:
        raise NotImplementedError(f'{type(self).__name__} only tests: use test_step')
