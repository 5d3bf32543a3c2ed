"""Test-time augmentation of a runner's model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS, MODELS, RUNNERS
from mmengine.utils.errors import ConfigError

from .hook import Hook

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class PrepareTTAHook(Hook):
    """Puts a model that merges the predictions of several views around the runner's, for the time of a test.

    Args:
        tta_cfg: config of a `BaseTTAModel`, without `module`.
    """

    def __init__(self, tta_cfg: dict[str, Any]) -> None:
        self.tta_cfg = tta_cfg
        self._own: nn.Module | None = None

    def before_test(self, runner: Runner) -> None:
        self._own = runner.model
        module = runner.model.module if is_model_wrapper(runner.model) else runner.model
        runner.model = MODELS.build(self.tta_cfg, default_args={'module': module})

    def after_test(self, runner: Runner) -> None:
        if self._own is not None:
            runner.model, self._own = self._own, None


def build_runner_with_tta(cfg: dict[str, Any] | Config) -> Any:
    """A runner whose test goes through `cfg.tta_pipeline` and `cfg.tta_model`.

    Raises:
        ConfigError: one of these or the test data is not in the config.
    """
    for key in ('tta_model', 'tta_pipeline', 'test_dataloader'):
        if cfg.get(key) is None:
            raise ConfigError(f'Test-time augmentation needs {key!r} in the config, but it is not there.')
    dataset: Any = cfg['test_dataloader'].get('dataset')
    while isinstance(dataset, Mapping) and 'dataset' in dataset:  # of a wrapper
        dataset = dataset['dataset']
    if not isinstance(dataset, Mapping):
        raise ConfigError(f'test_dataloader.dataset should be the config of one dataset, but is {dataset!r}.')
    dataset['pipeline'] = cfg['tta_pipeline']  # type: ignore[index]
    if 'runner_type' in cfg:
        runner = RUNNERS.build(cfg)
    else:
        runner_class: Any = RUNNERS.get('Runner')  # the floor above
        runner = runner_class.from_cfg(cfg)
    runner.register_hook(PrepareTTAHook(tta_cfg=cfg['tta_model']))
    return runner
