"""One call from images to masks and pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmengine.config import Config
from mmengine.utils.errors import ConfigError, DataError
from mmseg.apis import MMSegInferencer

NORM = {'type': 'BN'}
HEAD = {'type': 'FCNHead', 'in_channels': 8, 'channels': 4, 'num_classes': 3, 'norm_cfg': NORM, 'in_index': 0}


def config(**dataset: Any) -> Config:
    pipeline = [
        {'type': 'LoadImageFromFile'},
        {'type': 'Resize', 'scale': (32, 24), 'keep_ratio': True},
        {'type': 'LoadAnnotations'},
        {'type': 'PackSegInputs'},
    ]
    backbone = {'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8, 'num_stages': 1}
    backbone |= {'out_indices': (0,), 'strides': (1,), 'dilations': (1,), 'norm_cfg': NORM}
    return Config(
        {
            'default_scope': 'mmseg',
            'model': {
                'type': 'EncoderDecoder',
                'data_preprocessor': {'type': 'SegDataPreProcessor'},
                'backbone': backbone,
                'decode_head': {**HEAD, 'num_convs': 1},
                'test_cfg': {'mode': 'whole'},
            },
            'test_dataloader': {'dataset': {'type': 'CityscapesDataset', 'pipeline': pipeline, **dataset}},
        }
    )


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    folder = tmp_path / 'images'
    folder.mkdir()
    for name in ('a', 'b', 'c'):
        pixels = np.random.default_rng(ord(name)).integers(0, 255, (24, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f'{name}.png')
    return sorted(map(str, folder.iterdir()))


def inferencer(**options: Any) -> MMSegInferencer:
    made = MMSegInferencer(config(), device='cpu', **options)
    made.show_progress = False
    return made


def test_a_folder_gives_masks_and_pictures_in_files(tmp_path: Path, images: list[str]) -> None:
    infer = inferencer()
    found = infer(str(Path(images[0]).parent), batch_size=2, out_dir=str(tmp_path / 'out'), return_vis=True)
    assert [mask.shape for mask in found['predictions']] == [(24, 32)] * 3
    assert [picture.shape for picture in found['visualization']] == [(24, 32, 3)] * 3
    for name, mask in zip('abc', found['predictions'], strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / 'out' / 'pred' / f'{name}.png')), mask)
        with Image.open(tmp_path / 'out' / 'vis' / f'{name}.png') as picture:
            assert picture.size == (32, 24)


def test_an_array_and_its_file_give_the_same(images: list[str]) -> None:
    infer = inferencer()
    by_path = infer(images[0])['predictions']
    array = np.asarray(Image.open(images[0]))[..., ::-1].copy()
    np.testing.assert_array_equal(infer(array)['predictions'], by_path)
    sample = infer([images[0]], return_datasamples=True)['predictions']
    np.testing.assert_array_equal(sample.pred_sem_seg.data[0].numpy(), by_path)
    assert infer(images[0])['visualization'] is None


def test_classes_and_colours_are_chosen() -> None:
    assert inferencer(dataset_name='ade20k').model.dataset_meta['classes'][0] == 'wall'
    assert inferencer().model.dataset_meta['classes'][0] == 'road'
    own = inferencer(classes=['p', 'q', 'r'], palette=[[1, 1, 1]] * 3)
    assert own.visualizer.dataset_meta == {'classes': ['p', 'q', 'r'], 'palette': [[1, 1, 1]] * 3}
    with pytest.raises(ConfigError, match='3 classes need as many colours'):
        inferencer(classes=['p', 'q', 'r'], palette=[[1, 1, 1]])


def test_a_wrong_argument_names_the_right_one(images: list[str]) -> None:
    with pytest.raises(ValueError, match="did you mean 'opacity'"):
        inferencer()(images[0], opacty=0.5)


def test_a_folder_is_read_in_order_and_other_files_in_it_are_not(tmp_path: Path, images: list[str]) -> None:
    infer, folder = inferencer(), Path(images[0]).parent
    (folder / 'notes.txt').write_text('no image')
    samples = infer(folder, return_datasamples=True)['predictions']
    assert [sample.img_path for sample in samples] == images
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DataError, match='holds no images'):
        infer(str(tmp_path / 'empty'))


def test_arrays_are_numbered_over_calls(tmp_path: Path) -> None:
    infer = inferencer()
    pixels = np.zeros((24, 32, 3), np.uint8)
    infer([pixels, pixels], out_dir=str(tmp_path))
    infer(pixels, out_dir=str(tmp_path), img_out_dir='')
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*.png'))
    assert names == [
        'pred/00000000.png',
        'pred/00000001.png',
        'pred/00000002.png',
        'vis/00000000.png',
        'vis/00000001.png',
    ]


def test_logits_are_kept_only_for_who_wants_them(images: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    infer = inferencer()
    assert 'seg_logits' in infer(images[0], return_datasamples=True)['predictions']
    seen: list = []
    monkeypatch.setattr(infer, 'visualize', lambda inputs, preds, **_: seen.extend(preds))
    infer(images)
    assert len(seen) == 3 and all('seg_logits' not in sample for sample in seen)


def test_a_config_by_name() -> None:
    made = MMSegInferencer('quickstart_fastscnn', device='cpu')
    assert len(made.model.dataset_meta['classes']) == made.model.decode_head.num_classes == 7
    with pytest.raises(ConfigError, match='quickstart_nothing'):
        MMSegInferencer('quickstart_nothing', device='cpu')
