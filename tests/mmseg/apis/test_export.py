"""Exported files compute what the models do."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from mmengine.registry import init_default_scope
from mmengine.utils.errors import ConfigError, MissingDependencyError
from mmseg.apis import export_model
from mmseg.apis.export import ExportError, run
from mmseg.registry import MODELS

MODEL: dict[str, Any] = {
    'type': 'EncoderDecoder',
    'data_preprocessor': {
        'type': 'SegDataPreProcessor',
        'mean': [120.0, 110, 100],
        'std': [60.0, 50, 40],
        'bgr_to_rgb': True,
    },
    'backbone': {
        'type': 'FastSCNN',
        'downsample_dw_channels': (8, 8),
        'global_in_channels': 8,
        'global_block_channels': (8, 8, 8),
        'global_block_strides': (2, 2, 1),
        'global_out_channels': 8,
        'higher_in_channels': 8,
        'lower_in_channels': 8,
        'fusion_out_channels': 8,
        'align_corners': False,
    },
    'decode_head': {
        'type': 'FCNHead',
        'in_channels': 8,
        'channels': 8,
        'num_convs': 1,
        'num_classes': 4,
        'in_index': -1,
        'align_corners': False,
    },
    'test_cfg': {'mode': 'whole'},
}


@pytest.fixture
def model() -> Any:
    init_default_scope('mmseg')
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy(MODEL)).eval()


@pytest.mark.parametrize('options', [{}, {'pixels': True, 'labels': True}, {'dynamic': True}], ids=str)
def test_a_program_of_torch_gives_what_the_model_does(model: Any, tmp_path: Path, options: dict) -> None:
    done = export_model(model, tmp_path / 'a' / 'model.pt2', 'torch', (1, 3, 64, 96), **options)
    assert done.file.is_file() and done.difference < 1e-5 and not list(done.file.parent.glob('.*'))
    images = torch.rand(3 if options.get('dynamic') else 1, 3, 64, 96) * 255
    if options.get('pixels'):
        assert torch.equal(run(done.file, 'torch', images)[0], _predicted(model, images))
    else:
        expected = model.encode_decode(images, [{'img_shape': (64, 96)}] * len(images))
        torch.testing.assert_close(run(done.file, 'torch', images), expected)


def _predicted(model: Any, images: torch.Tensor) -> torch.Tensor:
    data = model.data_preprocessor({'inputs': [images[0]], 'data_samples': None}, False)
    return model.encode_decode(data['inputs'], [{'img_shape': (64, 96)}]).argmax(1)[0]


def test_onnx_gives_what_the_model_does(model: Any, tmp_path: Path) -> None:
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnxscript')
    done = export_model(model, tmp_path / 'model.onnx', 'onnx', (1, 3, 64, 96))
    assert done.file.is_file() and done.difference < 1e-3


def test_a_file_that_computes_something_else_is_not_written(model: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match='would give other results'):
        export_model(model, tmp_path / 'model.pt2', 'torch', (1, 3, 64, 64), tolerance=-1)
    assert not list(tmp_path.iterdir())


def test_wrong_arguments(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r'\(N, C, H, W\)'):
        export_model(model, tmp_path / 'a.pt2', 'torch', (3, 64, 64))
    with pytest.raises(ConfigError, match="'onnx' or 'torch'"):
        export_model(model, tmp_path / 'a.pt2', 'tflite')
    monkeypatch.setitem(__import__('sys').modules, 'onnx', None)
    with pytest.raises(MissingDependencyError, match=r'mmnext\[export\]'):
        export_model(model, tmp_path / 'a.onnx')
