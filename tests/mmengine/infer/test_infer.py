"""Inferencers: steps, batches, where model and weights come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmengine.config import Config
from mmengine.infer import BaseInferencer
from mmengine.infer.infer import ModelType
from mmengine.model import BaseModel
from mmengine.registry import MODELS, DefaultScope
from mmengine.utils.errors import ConfigError, UnknownTypeError


class Doubling(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(2.0))
        self.batches: list[int] = []

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        self.batches.append(len(inputs))
        return [self.factor * x for x in inputs]


class Inferencer(BaseInferencer):
    preprocess_kwargs = {'shift'}
    visualize_kwargs = {'draw'}
    postprocess_kwargs = {'name'}

    def preprocess(self, inputs: Any, batch_size: int = 1, shift: float = 0, **kwargs: Any) -> Any:
        return super().preprocess([x + shift for x in inputs], batch_size)

    def _init_pipeline(self, cfg: Any) -> Any:
        return lambda x: {'inputs': torch.as_tensor(x, dtype=torch.float32)}

    def visualize(self, inputs: list, preds: Any, draw: bool = False, **kwargs: Any) -> Any:
        return [np.full((2, 2), float(p)) for p in preds] if draw else None

    def postprocess(
        self, preds: Any, visualization: Any, return_datasample: bool = False, name: str = 'predictions'
    ) -> dict:
        return {name: preds if return_datasample else [float(p) for p in preds], 'visualization': visualization}


@pytest.fixture(autouse=True)
def registered() -> Any:
    MODELS.register_module(module=Doubling, force=True)
    yield
    MODELS.module_dict.pop('Doubling')


CONFIG = {'model': {'type': 'Doubling'}}


@pytest.mark.parametrize('progress', [True, False])
def test_a_call_goes_through_the_four_steps(progress: bool, capsys: pytest.CaptureFixture) -> None:
    infer = Inferencer(CONFIG, show_progress=progress)
    assert infer([1, 2, 3], batch_size=2, shift=1, draw=True, name='out')['out'] == [4, 6, 8]
    assert infer.model.batches == [2, 1]
    result = infer(5, return_datasamples=True)
    assert torch.is_tensor(result['predictions'][0])
    assert not result['predictions'][0].requires_grad
    assert result['visualization'] is None
    assert ('Inference' in capsys.readouterr().out) == progress


def test_unknown_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="no argument 'shfit'; did you mean 'shift'"):
        Inferencer(CONFIG, show_progress=False)(1, shfit=2)


def test_an_argument_belongs_to_one_step() -> None:
    with pytest.raises(AssertionError, match="'a' is in preprocess_kwargs and forward_kwargs"):

        class Both(Inferencer):
            preprocess_kwargs = {'a'}
            forward_kwargs = {'a'}


def test_folders_become_lists(tmp_path: Path) -> None:
    for name in ('b.png', 'a.png'):
        (tmp_path / name).touch()
    (tmp_path / 'folder').mkdir()
    infer = Inferencer(CONFIG, show_progress=False)
    assert infer._inputs_to_list(str(tmp_path)) == [str(tmp_path / 'a.png'), str(tmp_path / 'b.png')]
    assert infer._inputs_to_list(('x', 'y')) == ['x', 'y']
    assert infer._inputs_to_list('http://example.org/folder/') == ['http://example.org/folder/']


def test_model_in_any_form(tmp_path: Path) -> None:
    file = tmp_path / 'config.py'
    file.write_text("model = dict(type='Doubling')\ndefault_scope = 'mmengine'\n")
    model: ModelType
    for model in (CONFIG, Config(CONFIG), Config(CONFIG)._cfg_dict, str(file)):
        assert Inferencer(model, device='cpu', show_progress=False)(2)['predictions'] == [4]
    assert not Inferencer(str(file)).model.training


def test_weights_bring_classes_and_even_the_config(tmp_path: Path) -> None:
    path = tmp_path / 'w.pth'
    meta = {'dataset_meta': {'classes': ('a',)}, 'cfg': Config(CONFIG).pretty_text}
    torch.save({'state_dict': {'factor': torch.tensor(3.0)}, 'meta': meta}, path)
    infer = Inferencer(weights=str(path), show_progress=False)
    assert infer(2)['predictions'] == [6]
    assert infer.model.dataset_meta == {'classes': ('a',)}
    assert infer.model.cfg is infer.cfg
    torch.save({'state_dict': {}}, path)
    with pytest.raises(ConfigError, match='carries no config'):
        Inferencer(weights=str(path))
    with pytest.raises(ConfigError, match='needs a model'):
        Inferencer()


def test_collate_and_visualizer_of_the_config() -> None:
    cfg = {
        **CONFIG,
        'test_dataloader': {'collate_fn': {'type': 'default_collate'}},
        'visualizer': {'type': 'Visualizer', 'name': 'v'},
    }
    infer = Inferencer(Config(cfg), show_progress=False)
    assert torch.equal(infer.collate_fn([{'a': torch.tensor(1)}, {'a': torch.tensor(2)}])['a'], torch.tensor([1, 2]))
    assert infer.visualizer is not None
    assert infer.visualizer is not Inferencer(Config(cfg)).visualizer


def test_collate_given_as_a_function_or_by_a_wrong_name() -> None:
    function = {'type': torch.utils.data.default_collate}
    infer = Inferencer({**CONFIG, 'test_dataloader': {'collate_fn': function}})
    assert torch.equal(infer.collate_fn([torch.tensor(1), torch.tensor(2)]), torch.tensor([1, 2]))
    with pytest.raises(UnknownTypeError, match='default_collate'):
        Inferencer({**CONFIG, 'test_dataloader': {'collate_fn': {'type': 'default_colate'}}})


def test_models_by_name(hub_package: Path) -> None:
    assert BaseInferencer.list_models('hubpkg') == ['hub', 'hub-small']
    assert BaseInferencer.list_models('hubpkg', r'^hub-') == ['hub-small']

    class Hub(Inferencer):
        pass

    infer = Hub('hub', scope='hubpkg', show_progress=False)
    assert infer.model.fc.weight.tolist() == [[1, 1, 1]]
    with pytest.raises(ConfigError, match='did you mean hub-small'):
        Hub('hub-smal', scope='hubpkg')
    assert DefaultScope.get_current_instance() is None or DefaultScope.get_current_instance().scope_name != 'hubpkg'
