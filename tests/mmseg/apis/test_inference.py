"""init_model, inference_model and show_result_pyplot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmengine.config import Config
from mmengine.utils.errors import ConfigError, DataError
from mmseg.apis import inference_model, init_model, show_result_pyplot
from mmseg.apis.find_config import find_config, packaged_configs
from mmseg.apis.inference import dataset_meta
from mmseg.structures import SegDataSample

NORM = {'type': 'SyncBN'}


def config(**dataset: Any) -> Config:
    pipeline = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}, {'type': 'PackSegInputs'}]
    backbone = {'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8, 'num_stages': 1}
    backbone |= {'out_indices': (0,), 'strides': (1,), 'dilations': (1,), 'norm_cfg': NORM}
    head = {'type': 'FCNHead', 'in_channels': 8, 'channels': 4, 'num_classes': 3, 'num_convs': 1, 'norm_cfg': NORM}
    return Config(
        {
            'default_scope': 'mmseg',
            'model': {
                'type': 'EncoderDecoder',
                'data_preprocessor': {'type': 'SegDataPreProcessor', 'bgr_to_rgb': True},
                'backbone': {**backbone, 'init_cfg': {'type': 'Pretrained', 'checkpoint': 'absent.pth'}},
                'decode_head': {**head, 'in_index': 0},
                'train_cfg': {},
                'test_cfg': {'mode': 'whole'},
            },
            'test_dataloader': {'dataset': {'type': 'ShapesDataset', 'pipeline': pipeline, **dataset}},
            'test_pipeline': pipeline,
        }
    )


@pytest.fixture
def image(tmp_path: Path) -> str:
    path = tmp_path / 'a.png'
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)).save(path)
    return str(path)


def test_a_model_is_ready_for_use(tmp_path: Path) -> None:
    cfg = config()
    model: Any = init_model(cfg, device='cpu')
    assert not model.training and not any('SyncBatch' in type(m).__name__ for m in model.modules())
    assert model.cfg.model.backbone.init_cfg is None and cfg.model.backbone.init_cfg is not None
    assert model.train_cfg is None and cfg.model.train_cfg is not None
    cfg.dump(tmp_path / 'c.py')
    again: Any = init_model(tmp_path / 'c.py', device='cpu', cfg_options={'model.decode_head.num_classes': 5})
    assert again.decode_head.num_classes == 5


def test_classes_come_from_the_checkpoint_or_the_data(tmp_path: Path) -> None:
    model = init_model(config(), device='cpu')
    path = str(tmp_path / 'w.pth')
    state = model.state_dict()
    for meta, classes in (
        ({'dataset_meta': {'classes': ['a'], 'palette': [[1, 2, 3]]}}, ['a']),
        ({'CLASSES': ('b',), 'PALETTE': [[1, 2, 3]]}, ('b',)),
        ({}, model.dataset_meta['classes']),
    ):
        torch.save({'state_dict': {k: v + 1 for k, v in state.items()}, 'meta': meta}, path)
        loaded: Any = init_model(config(), path, device='cpu')
        assert loaded.dataset_meta['classes'] == classes
        assert torch.equal(loaded.state_dict()['decode_head.conv_seg.bias'], state['decode_head.conv_seg.bias'] + 1)
    assert len(model.dataset_meta['classes']) == 7, 'those of ShapesDataset'
    own = {'metainfo': {'classes': ['x', 'y']}, 'type': 'RepeatDataset'}
    assert dataset_meta(config(**own), {})['classes'] == ['x', 'y']
    assert dataset_meta(Config({}), {})['classes'][0] == 'road'


def test_configs_by_name() -> None:
    assert 'segformer_b0_ade20k' in packaged_configs()
    assert Path(find_config('segformer_b0_ade20k')).name == 'segformer_b0_ade20k.py'
    with pytest.raises(ConfigError, match='did you mean segformer_b0_ade20k'):
        find_config('segformer_b0_ade2k')


def test_images_by_path_array_and_list_give_the_same(image: str) -> None:
    model = init_model(config(), device='cpu')
    array = cv2.imread(image)
    one: Any = inference_model(model, image)
    assert one.pred_sem_seg.data.shape == (1, 24, 32) and one.seg_logits.data.shape == (3, 24, 32)
    assert one.img_path == image
    for found in (inference_model(model, array), *inference_model(model, [image, image])):  # type: ignore[misc]
        assert torch.equal(found.pred_sem_seg.data, one.pred_sem_seg.data)
    assert len(inference_model(model, [array])) == 1  # type: ignore[arg-type]
    model.cfg.test_pipeline = [{'type': 'LoadAnnotations'}]
    with pytest.raises(DataError, match='empty test_pipeline'):
        inference_model(model, image)


def test_pictures_of_results(image: str, tmp_path: Path) -> None:
    model = init_model(config(), device='cpu')
    result: Any = inference_model(model, image)
    drawn = show_result_pyplot(model, image, result, show=False, with_labels=False, out_file=str(tmp_path / 'o.png'))
    assert drawn.shape == (24, 32, 3) and np.array_equal(cv2.imread(str(tmp_path / 'o.png'))[..., ::-1], drawn)
    original: Any = cv2.imread(image)
    faint = show_result_pyplot(model, original, result, opacity=0.01, show=False, with_labels=False)
    assert np.abs(faint.astype(int) - original).max() <= 3, 'arrays keep the order of their channels'
    result.gt_sem_seg = result.pred_sem_seg
    both = show_result_pyplot(model, image, result, show=False, with_labels=False)
    assert both.shape == (24, 64, 3) and np.array_equal(both[:, :32], both[:, 32:])
    only = show_result_pyplot(model, image, result, show=False, draw_pred=False)
    assert only.shape == (24, 32, 3) and not np.array_equal(only, both[:, :32]), 'class names are written'
    show_result_pyplot(model, image, result, 0.5, 'name', True, True, 0, False, save_dir=str(tmp_path / 'save'))
    assert [path.name for path in (tmp_path / 'save').rglob('*.png')] == ['name_0.png']


def test_a_model_without_classes_is_drawn(image: str) -> None:
    model = init_model(config(), device='cpu')
    result = inference_model(model, image)
    assert isinstance(result, SegDataSample)
    model.dataset_meta = None  # type: ignore[assignment]
    assert show_result_pyplot(model, image, result, show=False).shape == (24, 32, 3)
