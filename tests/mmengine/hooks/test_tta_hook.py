"""Test-time augmentation by a runner."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from mmengine.config import Config, ConfigDict
from mmengine.evaluator import BaseMetric
from mmengine.hooks import PrepareTTAHook, build_runner_with_tta
from mmengine.model import BaseModel, BaseTTAModel
from mmengine.runner import Runner
from mmengine.utils.errors import ConfigError


class Data(torch.utils.data.Dataset):
    """Gives one view, or as many as its `pipeline` says, or that of the config of a dataset inside."""

    metainfo: dict = {}

    def __init__(self, pipeline: Any = None, dataset: Any = None) -> None:
        self.views = pipeline if dataset is None else dataset['pipeline']

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict[str, Any]:
        value = torch.tensor([float(index)])
        return {'inputs': value if self.views is None else [value * view for view in self.views]}


class Model(BaseModel):
    def __init__(self, data_preprocessor: Any = None) -> None:
        super().__init__(data_preprocessor)
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        return [float(x * self.factor) for x in inputs]


class Sum(BaseTTAModel):
    def merge_preds(self, data_samples_list: list[list[Any]]) -> list[Any]:
        return [sum(views) for views in data_samples_list]


def config(tmp_path: Path, **kwargs: Any) -> Config:
    class Total(BaseMetric):
        def process(self, data_batch: Any, data_samples: Any) -> None:
            self.results += list(data_samples)

        def compute_metrics(self, results: list) -> dict:
            return {'total': sum(results)}

    return Config(
        {
            'model': {'type': Model},
            'work_dir': str(tmp_path),
            'test_dataloader': {
                'batch_size': 2,
                'num_workers': 0,
                'sampler': {'type': 'DefaultSampler', 'shuffle': False},
                'collate_fn': {'type': 'pseudo_collate'},
                'dataset': {'type': Data},
            },
            'test_cfg': {},
            'test_evaluator': {'type': Total},
            'tta_model': {'type': Sum},
            'tta_pipeline': [1.0, 10.0, 100.0],
            'log_level': 'ERROR',
            **kwargs,
        }
    )


def test_a_runner_tests_by_all_views_and_has_its_model_back(tmp_path: Path) -> None:
    assert Runner.from_cfg(config(tmp_path)).test() == {'total': 1.0}
    torch.save({'state_dict': {'factor': torch.tensor([2.0])}}, tmp_path / 'a.pth')
    runner = build_runner_with_tta(config(tmp_path, load_from=str(tmp_path / 'a.pth'), experiment_name='tta'))
    own = runner.model
    assert runner.test() == {'total': 222.0}
    assert runner.model is own and isinstance(own, Model)


def test_the_dataset_inside_a_wrapper_gets_the_pipeline(tmp_path: Path) -> None:
    cfg = config(tmp_path, experiment_name='wrapped')
    cfg.test_dataloader.dataset = {'type': Data, 'dataset': ConfigDict(type=Data)}
    assert build_runner_with_tta(cfg).test() == {'total': 111.0}


@pytest.mark.parametrize('key', ['tta_model', 'tta_pipeline', 'test_dataloader'])
def test_what_is_missing_is_named(tmp_path: Path, key: str) -> None:
    cfg = config(tmp_path)
    cfg.pop(key)
    with pytest.raises(ConfigError, match=key):
        build_runner_with_tta(cfg)
    if key == 'test_dataloader':
        cfg.test_dataloader = {'dataset': Data()}
        with pytest.raises(ConfigError, match='config of one dataset'):
            build_runner_with_tta(cfg)


def test_the_module_of_a_wrapped_model_is_taken() -> None:
    model = Model()
    wrapped = torch.nn.DataParallel(model)
    runner: Any = SimpleNamespace(model=wrapped)
    hook = PrepareTTAHook({'type': Sum})
    hook.before_test(runner)
    assert isinstance(runner.model, Sum) and runner.model.module is model
    hook.after_test(runner)
    assert runner.model is wrapped
