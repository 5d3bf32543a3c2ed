"""Backends. wandb and MLflow are stand-ins that record their calls: neither is needed to run the tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import VISBACKENDS
from mmengine.utils.errors import ConfigError, MissingDependencyError
from mmengine.visualization import (
    BaseVisBackend,
    LocalVisBackend,
    MLflowVisBackend,
    TensorboardVisBackend,
    WandbVisBackend,
)
from mmengine.visualization.vis_backend import force_init_env

RED = np.full((4, 5, 3), (255, 0, 0), np.uint8)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def log(capsys: pytest.CaptureFixture) -> Iterator[Callable[[], str]]:
    """What is logged to a logger of this test's own."""
    MMLogger.get_instance('test_log', log_level='INFO')
    yield lambda: capsys.readouterr().out
    MMLogger._instance_dict.pop('test_log')


def test_local_files(tmp_path: Path) -> None:
    backend = LocalVisBackend(str(tmp_path / 'new' / 'dir'))
    assert not (tmp_path / 'new').exists(), 'nothing is made before the first use'
    assert backend.experiment is backend
    backend.add_scalar('loss', torch.tensor(1.5), step=3)
    backend.add_scalars(
        {'a': np.float32(0.5), 'b': torch.tensor([2]), 'c': torch.tensor([1, 2])}, step=4, file_path='x.json'
    )
    backend.add_scalars({'step': 9, 'a': 1})
    backend.add_image('deep/im', RED, step=7)
    backend.add_config(Config({'a': 1}))
    root = tmp_path / 'new' / 'dir'
    assert lines(root / 'x.json') == [{'a': 0.5, 'b': 2, 'c': [1, 2], 'step': 4}]
    assert lines(root / 'scalars.json') == [{'loss': 1.5, 'step': 3}, *lines(root / 'x.json'), {'step': 9, 'a': 1}]
    assert np.array_equal(cv2.imread(str(root / 'vis_image' / 'deep' / 'im_7.png')), RED[..., ::-1])
    assert 'a = 1' in (root / 'config.py').read_text()


def test_local_names_must_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='.json'):
        LocalVisBackend('x', scalar_save_file='a.txt')
    with pytest.raises(ConfigError, match='.py'):
        LocalVisBackend('x', config_save_file='a.txt')
    backend = LocalVisBackend(str(tmp_path))
    with pytest.raises(ConfigError, match='another'):
        backend.add_scalars({'a': 1}, file_path='scalars.json')
    with pytest.raises(ConfigError, match='.json'):
        backend.add_scalars({'a': 1}, file_path='a.txt')
    with pytest.raises(TypeError, match='uint8'):
        backend.add_image('a', RED.astype(float))


def test_tensorboard_events(tmp_path: Path, log: Callable[[], str]) -> None:
    backend = VISBACKENDS.build({'type': 'TensorboardVisBackend', 'save_dir': str(tmp_path)})
    assert isinstance(backend, TensorboardVisBackend)
    backend.close()  # not used yet
    backend.add_scalar('loss', torch.tensor(1.5), step=3)
    backend.add_scalars({'acc': 2, 'step': 5, 'text': 'x'}, step=5)
    backend.add_image('im', RED, step=1)
    backend.add_config(Config({'a': 1}))
    assert backend.experiment is backend._tensorboard
    backend.close()
    assert 'no curves: text' in log()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert {(t, e.step, e.value) for t in events.Tags()['scalars'] for e in events.Scalars(t)} == {
        ('loss', 3, 1.5),
        ('acc', 5, 2.0),
    }
    assert events.Tags()['images'] == ['im'] and 'config/text_summary' in events.Tags()['tensors']


class Recorder(ModuleType):
    """A package that takes all calls."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.calls: list[tuple] = []
        self.config = SimpleNamespace(update=lambda *a, **k: self.calls.append(('config', a, k)))
        self.run = SimpleNamespace(log_code=lambda **k: self.calls.append(('log_code', (), k)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        return lambda *a, **k: self.calls.append((name, a, k))

    def of(self, name: str) -> list[tuple]:
        return [(a, k) for n, a, k in self.calls if n == name]


def test_wandb_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = Recorder('wandb')
    monkeypatch.setitem(sys.modules, 'wandb', wandb)
    backend = WandbVisBackend(
        str(tmp_path),
        init_kwargs={'project': 'p'},
        define_metric_cfg={'val/mIoU': 'max'},
        commit=False,
        log_code_name='code',
        watch_kwargs={'log': 'all'},
    )
    backend.close()
    assert wandb.calls == [], 'nothing happens before the first use'
    backend.add_scalar('loss', torch.tensor(1.5), step=3)
    backend.add_scalars({'acc': torch.tensor(2), 'lr': 0.1})
    backend.add_config(Config({'a': {'b': 1}}))
    backend.add_graph(torch.nn.Linear(1, 1), [])
    backend.add_image('im', RED)
    backend.close()
    assert wandb.of('init') == [((), {'dir': str(tmp_path), 'project': 'p'})]
    assert wandb.of('define_metric') == [((), {'name': 'val/mIoU', 'summary': 'max'})]
    assert [a[0] for a, _ in wandb.of('log')][:2] == [{'loss': 1.5}, {'acc': 2, 'lr': 0.1}]
    assert all(k == {'commit': False} for _, k in wandb.of('log'))
    assert wandb.of('config')[0][0] == ({'a': {'b': 1}},) and wandb.of('log_code') == [((), {'name': 'code'})]
    assert wandb.of('watch')[0][1] == {'log': 'all'} and wandb.of('finish')
    other = WandbVisBackend(str(tmp_path), define_metric_cfg=[{'name': 'x', 'step_metric': 'epoch'}])
    assert other.experiment is wandb
    assert wandb.of('define_metric')[1] == ((), {'name': 'x', 'step_metric': 'epoch'})


def test_mlflow_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = Recorder('mlflow')
    monkeypatch.setitem(sys.modules, 'mlflow', mlflow)
    backend = MLflowVisBackend(str(tmp_path), run_name='r', tracked_config_keys=['model'])
    backend.close()
    backend.add_scalar('loss', torch.tensor(1.5), step=3)
    backend.add_scalars({'acc': 2, 'step': 4, 'text': 'x'}, step=4)
    backend.add_config(Config({'model': {'type': 'A', 'neck': {'k': 1}}, 'other': 1}))
    backend.add_image('im', RED, step=2)
    (tmp_path / 'run.log').write_text('')
    (tmp_path / 'weights.pth').write_text('')
    backend.close()
    assert mlflow.of('set_tracking_uri')[0][0] == (f'sqlite:///{tmp_path.resolve()}/mlflow.db',)
    assert mlflow.of('log_metrics') == [(({'loss': 1.5},), {'step': 3}), (({'acc': 2},), {'step': 4})]
    assert mlflow.of('log_params')[1][0] == ({'model.type': 'A', 'model.neck.k': 1},)
    assert mlflow.of('log_image')[0][0][1] == 'im_2.png'
    assert [Path(a[0]).name for a, _ in mlflow.of('log_artifact')] == ['run.log'] and mlflow.of('end_run')
    assert backend.experiment is mlflow


@pytest.mark.parametrize(('kind', 'package'), [(WandbVisBackend, 'wandb'), (MLflowVisBackend, 'mlflow')])
def test_absent_packages_matter_at_use_only(
    kind: type, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    backend = kind(str(tmp_path))
    with pytest.raises(MissingDependencyError, match=rf'mmnext\[{package}\]'):
        backend.add_scalar('a', 1)


def test_own_backends_are_initialized_once(tmp_path: Path) -> None:
    class Own(BaseVisBackend):
        inits = 0

        def _init_env(self) -> None:
            self.inits += 1

        @property
        @force_init_env
        def experiment(self) -> Any:
            return self

        @force_init_env
        def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
            self.last = value

    backend = Own(str(tmp_path))
    backend.add_scalar('a', 3)
    assert backend.experiment.last == 3 and backend.inits == 1
    for call in (lambda: backend.add_image('a', RED), lambda: backend.add_scalars({}), backend.close):
        assert call() is None

    class Without:
        @force_init_env
        def use(self) -> None: ...

    with pytest.raises(AttributeError, match='_init_env'):
        Without().use()
