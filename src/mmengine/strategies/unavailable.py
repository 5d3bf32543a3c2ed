"""Strategies of the existing interface that are not built in. Making one says what to do instead."""

from __future__ import annotations

from typing import Any, NoReturn

from mmengine.optim import BaseOptimWrapper
from mmengine.registry import MODEL_WRAPPERS, OPTIM_WRAPPERS, STRATEGIES
from mmengine.utils.errors import ConfigError

from .strategy import SingleDeviceStrategy


def _refuse(name: str) -> NoReturn:
    raise ConfigError(
        f'{name} is not available. Leave the strategy out of the config: one process trains on one device, several '
        'of them (`torchrun ...`, launcher="pytorch") with DistributedDataParallel, or sharded by '
        "strategy=dict(type='FSDPStrategy')."
    )


@STRATEGIES.register_module()
class DeepSpeedStrategy(SingleDeviceStrategy):
    def __init__(
        self,
        *,
        config: str | dict | None = None,
        zero_optimization: dict | None = None,
        gradient_clipping: float | None = None,
        fp16: dict | None = None,
        inputs_to_half: list[int | str] | None = None,
        bf16: dict | None = None,
        amp: dict | None = None,
        activation_checkpointing: dict | None = None,
        aio: dict | None = None,
        train_micro_batch_size_per_gpu: int | None = None,
        gradient_accumulation_steps: int | None = None,
        steps_per_print: int = 10000000000000,
        exclude_frozen_parameters: bool | None = None,
        **kwargs: Any,
    ) -> None:
        _refuse('DeepSpeedStrategy')


@STRATEGIES.register_module()
class ColossalAIStrategy(SingleDeviceStrategy):
    def __init__(
        self,
        *,
        config: str | dict | None = None,
        mixed_precision: str | dict | None = None,
        plugin: str = 'gemini',
        model_wrapper: dict | None = None,
        **kwargs: Any,
    ) -> None:
        _refuse('ColossalAIStrategy')


@OPTIM_WRAPPERS.register_module()
class DeepSpeedOptimWrapper(BaseOptimWrapper):
    def __init__(self, optimizer: Any) -> None:
        _refuse('DeepSpeedOptimWrapper')

    def update_params(self, loss: Any) -> None:
        _refuse('DeepSpeedOptimWrapper')


@MODEL_WRAPPERS.register_module()
class MMDeepSpeedEngineWrapper:
    def __init__(self, *, model: Any, inputs_to_half: list[int | str] | None = None) -> None:
        _refuse('MMDeepSpeedEngineWrapper')
