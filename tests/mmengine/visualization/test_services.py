"""Backends over libraries of other people: their calls against stand-ins, and for real, offline, where installed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch

from mmengine.config import Config
from mmengine.registry import VISBACKENDS
from mmengine.utils.errors import MissingDependencyError
from mmengine.visualization import (
    AimVisBackend,
    BaseVisBackend,
    ClearMLVisBackend,
    DVCLiveVisBackend,
    MLflowVisBackend,
    NeptuneVisBackend,
    SwanLabVisBackend,
    WandbVisBackend,
)

IMAGE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
SERVICES = {
    'aim': AimVisBackend,
    'clearml': ClearMLVisBackend,
    'dvclive': DVCLiveVisBackend,
    'neptune': NeptuneVisBackend,
    'swanlab': SwanLabVisBackend,
}


def use(backend: BaseVisBackend, work_dir: Path) -> None:
    """Everything that a run calls."""
    work_dir.mkdir(exist_ok=True)
    (work_dir / 'run.py').write_text('a = 1\n')
    backend.add_config(Config({'lr': 0.1, 'model': {'type': 'A', 'sizes': (1, 2)}, 'work_dir': str(work_dir)}))
    backend.add_scalar('loss', torch.tensor(0.5), 1)
    backend.add_scalars({'loss': np.float32(0.25), 'acc': 1, 'note': 'no number', 'step': 2}, 2)
    backend.add_image('picture', IMAGE, 2)
    backend.close()


@pytest.mark.parametrize('package', SERVICES)
def test_an_absent_package_is_named_at_use(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    backend = VISBACKENDS.build({'type': SERVICES[package].__name__, 'save_dir': str(tmp_path)})
    with pytest.raises(MissingDependencyError, match=f'{package} is not installed: pip install {package}'):
        backend.add_scalar('a', 1)
    backend.close()  # nothing to close


def test_a_package_that_lacks_one_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'aim.py').write_text('import nothing_of_that_name\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'aim', raising=False)
    with pytest.raises(MissingDependencyError, match="aim cannot be imported .No module named 'nothing_of_that_name'"):
        AimVisBackend(str(tmp_path)).add_scalar('a', 1)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], MagicMock]:
    def make(name: str) -> MagicMock:
        module = MagicMock(spec_set=None)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return make


def test_calls_of_clearml(stand_in: Callable, tmp_path: Path) -> None:
    clearml = stand_in('clearml')
    use(ClearMLVisBackend(init_kwargs={'project_name': 'p'}, artifact_suffix='.py'), tmp_path / 'w')
    clearml.Task.init.assert_called_once_with(project_name='p')
    task = clearml.Task.init.return_value
    assert task.connect_configuration.call_args.args[0]['model']['sizes'] == (1, 2)
    scalars = [call.kwargs for call in task.get_logger.return_value.report_scalar.call_args_list]
    assert [(s['title'], s['value'], s['iteration']) for s in scalars] == [
        ('loss', 0.5, 1),
        ('loss', 0.25, 2),
        ('acc', 1, 2),
    ]
    assert task.get_logger.return_value.report_image.call_args.kwargs['iteration'] == 2
    task.upload_artifact.assert_called_once_with('run.py', str(tmp_path / 'w' / 'run.py'))
    task.close.assert_called_once_with()


def test_calls_of_neptune(stand_in: Callable, tmp_path: Path) -> None:
    neptune = stand_in('neptune')
    use(NeptuneVisBackend(), tmp_path)
    neptune.init_run.assert_called_once_with(mode='offline')
    neptune.init_run.return_value.stop.assert_called_once_with()
    assert neptune.types.File.as_image.call_args.args[0].max() <= 1
    NeptuneVisBackend(init_kwargs={'project': 'a/b'}).experiment  # noqa: B018 - starts the run
    neptune.init_run.assert_called_with(project='a/b')


def test_calls_of_dvclive(stand_in: Callable, tmp_path: Path) -> None:
    live = stand_in('dvclive').Live
    live.return_value.dir = str(tmp_path / 'live')
    use(DVCLiveVisBackend(str(tmp_path), '.py', {'dir': str(tmp_path / 'live')}), tmp_path / 'w')
    live.assert_called_once_with(dir=str(tmp_path / 'live'), save_dvc_exp=False)
    assert live.return_value.log_params.call_args.args[0]['model'] == {'type': 'A', 'sizes': [1, 2]}
    assert [c.args for c in live.return_value.log_metric.call_args_list] == [('loss', 0.5), ('loss', 0.25), ('acc', 1)]
    live.return_value.log_artifact.assert_called_once_with(str(tmp_path / 'w' / 'run.py'))
    live.return_value.end.assert_called_once_with()


def test_calls_of_aim(stand_in: Callable, tmp_path: Path) -> None:
    run = stand_in('aim').Run
    use(AimVisBackend(str(tmp_path / 'repo'), {'experiment': 'e'}), tmp_path)
    run.assert_called_once_with(experiment='e', repo=str(tmp_path / 'repo'))
    tracked = [call.kwargs for call in run.return_value.track.call_args_list]
    assert [(t['name'], t['step']) for t in tracked] == [('loss', 1), ('loss', 2), ('acc', 2), ('picture', 2)]
    run.return_value.close.assert_called_once_with()


def test_calls_of_swanlab(stand_in: Callable, tmp_path: Path) -> None:
    swanlab = stand_in('swanlab')
    use(SwanLabVisBackend(str(tmp_path), {'project': 'p'}), tmp_path)
    swanlab.init.assert_called_once_with(logdir=str(tmp_path), project='p')
    logged = [(call.args[0], call.kwargs['step']) for call in swanlab.log.call_args_list]
    assert logged[:2] == [({'loss': 0.5}, 1), ({'loss': 0.25, 'acc': 1}, 2)]
    swanlab.finish.assert_called_once_with()


def test_mlflow_makes_experiments_where_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mlflow = MagicMock(spec=ModuleType)
    mlflow.configure_mock(
        **{
            name: MagicMock()
            for name in ('set_tracking_uri', 'create_experiment', 'set_experiment', 'start_run', 'log_params')
        },
        get_experiment_by_name=MagicMock(side_effect=[None, SimpleNamespace()]),
    )
    monkeypatch.setitem(sys.modules, 'mlflow', mlflow)
    for _ in range(2):
        MLflowVisBackend(str(tmp_path), exp_name='e', artifact_location='file:///x').experiment  # noqa: B018
    mlflow.create_experiment.assert_called_once_with('e', artifact_location='file:///x')


def real(package: str) -> Any:
    """The package, or a skip. What its own code warns of is none of this suite's business."""
    return pytest.importorskip(package, exc_type=ImportError)


for_real = pytest.mark.filterwarnings('ignore')


@for_real
def test_clearml_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('CLEARML_OFFLINE_MODE', '1')
    monkeypatch.setenv('CLEARML_CACHE_DIR', str(tmp_path / 'cache'))
    clearml = real('clearml')
    clearml.Task.set_offline(True)
    clearml.Task.force_store_standalone_script(True)  # no search for a repository, which starts processes
    kwargs = {'project_name': 'p', 'task_name': 't', 'auto_connect_frameworks': False, 'auto_connect_arg_parser': False}
    backend = ClearMLVisBackend(init_kwargs=kwargs)
    folder = backend.experiment.Task.current_task().get_offline_mode_folder()
    use(backend, tmp_path / 'w')
    written = ''.join(p.read_text(errors='ignore') for p in Path(folder).rglob('*.jsonl'))
    assert '0.25' in written


@for_real
def test_neptune_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real('neptune')
    monkeypatch.chdir(tmp_path)
    use(NeptuneVisBackend(), tmp_path / 'w')
    assert list((tmp_path / '.neptune' / 'offline').iterdir())


@for_real
def test_dvclive_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real('dvclive')
    monkeypatch.chdir(tmp_path)
    use(DVCLiveVisBackend(str(tmp_path / 'live')), tmp_path / 'w')
    metrics = json.loads((tmp_path / 'live' / 'metrics.json').read_text())
    assert (metrics['loss'], metrics['acc'], metrics['step']) == (0.25, 1, 2)
    assert 'type: A' in (tmp_path / 'live' / 'params.yaml').read_text()
    assert list((tmp_path / 'live').rglob('picture.png'))


@for_real
def test_aim_for_real(tmp_path: Path) -> None:
    aim = real('aim')
    use(AimVisBackend(str(tmp_path / 'repo')), tmp_path / 'w')
    assert len(aim.Repo(str(tmp_path / 'repo')).list_all_runs()) == 1


@for_real
def test_swanlab_for_real(tmp_path: Path) -> None:
    real('swanlab')
    use(SwanLabVisBackend(str(tmp_path / 'logs'), {'mode': 'offline', 'project': 'p'}), tmp_path / 'w')
    assert [p for p in (tmp_path / 'logs').rglob('*') if p.is_file()]


@for_real
def test_wandb_for_real(tmp_path: Path) -> None:
    real('wandb')
    use(WandbVisBackend(str(tmp_path / 'logs'), {'mode': 'offline', 'project': 'p'}), tmp_path / 'w')
    assert list((tmp_path / 'logs').rglob('*.wandb'))


@for_real
def test_mlflow_for_real(tmp_path: Path) -> None:
    mlflow = real('mlflow')
    backend = MLflowVisBackend(str(tmp_path / 'run'), exp_name='e', artifact_location=(tmp_path / 'files').as_uri())
    use(backend, tmp_path / 'w')
    client = mlflow.MlflowClient(f'sqlite:///{tmp_path}/run/mlflow.db')
    (run,) = client.search_runs([client.get_experiment_by_name('e').experiment_id])
    assert run.data.metrics == {'loss': 0.25, 'acc': 1}
    assert run.data.params['model.type'] == 'A'
    assert list((tmp_path / 'files').rglob('picture_2.png'))
