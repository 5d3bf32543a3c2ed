"""A test case with a tiny model, data and metric, and configs that train it."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from typing import Any
from unittest import TestCase
from uuid import uuid4

import torch
from torch import nn
from torch.distributed import destroy_process_group
from torch.utils.data import Dataset

from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.evaluator import BaseMetric
from mmengine.logging import MessageHub, MMLogger
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS, DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer


class ToyModel(BaseModel):
    """Two linear layers that sum up points of a plane."""

    def __init__(self, data_preprocessor: Any = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.linear1 = nn.Linear(2, 2)
        self.linear2 = nn.Linear(2, 1)

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        x = torch.stack(list(inputs)) if isinstance(inputs, (list, tuple)) else inputs
        y = torch.stack(list(data_samples)) if isinstance(data_samples, (list, tuple)) else data_samples
        out = self.linear2(self.linear1(x))
        return {'loss': (y - out).sum()} if mode == 'loss' else out


class ToyDataset(Dataset):
    """Twelve random points, each with a label."""

    METAINFO: dict[str, Any] = {}

    def __init__(self) -> None:
        self.data = torch.randn(12, 2)
        self.label = torch.ones(12)

    @property
    def metainfo(self) -> dict[str, Any]:
        return self.METAINFO

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {'inputs': self.data[index], 'data_samples': self.label[index]}


class ToyMetric(BaseMetric):
    """Accuracy 1, whatever happens."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append({'acc': 1})

    def compute_metrics(self, results: list) -> dict:
        return {'acc': 1}


class RunnerTestCase(TestCase):
    """Each test has a working directory `self.temp_dir` of its own, and the configs `epoch_based_cfg` and
    `iter_based_cfg`; `build_runner` makes a runner of one of these under a new name.
    """

    dist_cfg = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': '29600', 'RANK': '0', 'WORLD_SIZE': '1', 'LOCAL_RANK': '0'}

    def setUp(self) -> None:
        self.temp_dir = tempfile.mkdtemp()
        self._environ = dict(os.environ)
        for registry, cls in ((MODELS, ToyModel), (METRICS, ToyMetric), (DATASETS, ToyDataset)):
            registry.register_module(module=cls, force=True)
        loader = {
            'dataset': {'type': 'ToyDataset'},
            'sampler': {'type': 'DefaultSampler', 'shuffle': True},
            'batch_size': 3,
            'num_workers': 0,
        }
        common = {
            'work_dir': self.temp_dir,
            'model': {'type': 'ToyModel'},
            'train_dataloader': loader,
            'optim_wrapper': {'type': 'OptimWrapper', 'optimizer': {'type': 'SGD', 'lr': 0.1}},
            'val_dataloader': loader,
            'val_evaluator': [{'type': 'ToyMetric'}],
            'val_cfg': {},
            'test_dataloader': loader,
            'test_evaluator': [{'type': 'ToyMetric'}],
            'test_cfg': {},
        }
        self.epoch_based_cfg = Config(
            {
                **copy.deepcopy(common),
                'train_cfg': {'by_epoch': True, 'max_epochs': 2, 'val_interval': 1, 'val_begin': 1},
                'default_hooks': {'logger': {'type': 'LoggerHook', 'interval': 1}},
            }
        )
        self.iter_based_cfg = Config(
            {
                **copy.deepcopy(common),
                'train_cfg': {'by_epoch': False, 'max_iters': 12, 'val_interval': 4, 'val_begin': 4},
                'default_hooks': {
                    'logger': {'type': 'LoggerHook', 'interval': 1},
                    'checkpoint': {'type': 'CheckpointHook', 'interval': 12, 'by_epoch': False},
                },
                'log_processor': {'by_epoch': False},
            }
        )

    def tearDown(self) -> None:
        for logger in MMLogger._instance_dict.values():
            for handler in logger.handlers:
                handler.close()
        for singleton in (MMLogger, Visualizer, MessageHub, DefaultScope):
            singleton._instance_dict.clear()
        for registry, cls in ((MODELS, ToyModel), (METRICS, ToyMetric), (DATASETS, ToyDataset)):
            registry.module_dict.pop(cls.__name__, None)
        if is_distributed():
            destroy_process_group()
        os.environ.clear()
        os.environ.update(self._environ)
        self.clear_work_dir()

    def build_runner(self, cfg: Config) -> Runner:
        """A runner of the config, which is not changed, under a name that no other one has."""
        cfg = copy.deepcopy(cfg)
        cfg.experiment_name = self.experiment_name
        return Runner.from_cfg(cfg)

    @property
    def experiment_name(self) -> str:
        """A new name each time."""
        return f'{self._testMethodName}-{uuid4()}'

    def setup_dist_env(self) -> None:
        """Set the variables from which a launcher makes a process group of one."""
        os.environ.update(self.dist_cfg)

    def clear_work_dir(self) -> None:
        shutil.rmtree(self.temp_dir, ignore_errors=True)
