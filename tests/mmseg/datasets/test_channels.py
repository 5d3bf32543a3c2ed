"""Images of any number of channels and of any type, from the file to the features of a pretrained stem."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmengine.utils.errors import DataError, MissingDependencyError
from mmseg.datasets import BaseSegDataset
from mmseg.datasets import transforms as T
from mmseg.datasets.transforms.remote_sensing import read_bands
from mmseg.models.backbones import MixVisionTransformer, ResNet
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.registry import TRANSFORMS

RNG = np.random.default_rng(0)


def image(channels: int, dtype: str) -> np.ndarray:
    return (RNG.random((40, 60, channels)) * 1000).astype(dtype)


@pytest.mark.parametrize('dtype', ['uint8', 'uint16', 'float32'])
@pytest.mark.parametrize('channels', [1, 2, 4, 7, 13])
@pytest.mark.parametrize(
    'transform',
    [
        {'type': 'Resize', 'scale': (30, 20)},
        {'type': 'RandomResize', 'scale': (60, 40), 'ratio_range': (0.5, 2.0), 'keep_ratio': True},
        {'type': 'RandomCrop', 'crop_size': (20, 30), 'cat_max_ratio': 0.75},
        {'type': 'RandomFlip', 'prob': 1.0, 'direction': 'diagonal'},
        {'type': 'Pad', 'size': (64, 64), 'pad_val': 7},
        {'type': 'RandomRotate', 'prob': 1.0, 'degree': 30.0, 'pad_val': 7},
        {'type': 'RandomRotFlip', 'rotate_prob': 0.0, 'flip_prob': 1.0},
        {'type': 'RandomCutOut', 'prob': 1.0, 'n_holes': 2, 'cutout_ratio': (0.2, 0.2)},
        {'type': 'ResizeToMultiple', 'size_divisor': 32},
        {'type': 'ResizeShortestEdge', 'scale': 20, 'max_size': 100},
        {'type': 'RandomMosaic', 'prob': 1.0, 'img_scale': (40, 60), 'pad_val': 7},
        {'type': 'PackSegInputs'},
    ],
    ids=lambda cfg: cfg['type'],
)
def test_each_transform_keeps_channels_and_type(transform: dict, channels: int, dtype: str) -> None:
    """Each channel comes out as if it were the only one."""

    def sample(img: np.ndarray) -> dict:
        labels = np.arange(40 * 60, dtype=np.uint8).reshape(40, 60) % 5
        return {'img': img, 'gt_seg_map': labels, 'seg_fields': ['gt_seg_map'], 'img_shape': (40, 60)}

    def run(img: np.ndarray) -> np.ndarray:
        np.random.seed(0)
        data = sample(img.copy())
        if transform['type'] == 'RandomMosaic':
            data['mix_results'] = [sample(img.copy()) for _ in range(3)]
        out = TRANSFORMS.build(transform)(data)
        return out['inputs'].numpy().transpose(1, 2, 0) if 'inputs' in out else out['img']

    full = image(channels, dtype)
    out = run(full)
    assert out.dtype == full.dtype
    out = out.reshape(*out.shape[:2], -1)
    assert out.shape[2] == channels
    alone = run(np.ascontiguousarray(full[..., -1:])).reshape(out.shape[:2])
    np.testing.assert_allclose(out[..., -1].astype(float), alone.astype(float), atol=1, rtol=1e-4)


def test_normalize_of_many_channels() -> None:
    given = image(5, 'uint16')
    mean, std = np.arange(5.0), np.arange(1.0, 6.0)
    out = TRANSFORMS.build({'type': 'Normalize', 'mean': mean, 'std': std, 'to_rgb': False})({'img': given})['img']
    np.testing.assert_allclose(out, (given - mean) / std, rtol=1e-5)
    with pytest.raises(ValueError, match='set to_rgb=False'):
        TRANSFORMS.build({'type': 'Normalize', 'mean': mean, 'std': std})({'img': given})


def write_tiff(path: Path, array: np.ndarray, **kwargs: object) -> None:
    tifffile = pytest.importorskip('tifffile', reason='tifffile is optional')
    tifffile.imwrite(path, array, photometric=kwargs.pop('photometric', 'minisblack'), **kwargs)


@pytest.mark.parametrize('dtype', ['uint8', 'uint16', 'float32'])
@pytest.mark.parametrize('channels', [2, 4, 5, 8])
def test_tiff_of_many_channels(tmp_path: Path, channels: int, dtype: str) -> None:
    given = image(channels, dtype)
    path = tmp_path / 'a.tif'
    write_tiff(path, given, planarconfig='contig')
    load = T.LoadSingleRSImageFromFile(to_float32=False)
    np.testing.assert_array_equal(load({'img_path': str(path)})['img'], given)
    write_tiff(path, given.transpose(2, 0, 1), planarconfig='separate')
    np.testing.assert_array_equal(read_bands(str(path)), given)
    write_tiff(path, given.transpose(2, 0, 1))  # pages
    np.testing.assert_array_equal(read_bands(str(path)), given)
    load = TRANSFORMS.build({'type': 'LoadImageFromFile', 'color_type': 'unchanged', 'imdecode_backend': 'tifffile'})
    np.testing.assert_array_equal(load({'img_path': str(path)})['img'], given)


def test_no_channel_is_lost_by_opencv(tmp_path: Path) -> None:
    """OpenCV gives the first of four grey channels, or the first page, without a word."""
    given = image(4, 'uint16')
    write_tiff(tmp_path / 'a.tif', given, planarconfig='contig')
    write_tiff(tmp_path / 'b.tif', given.transpose(2, 0, 1))
    load = TRANSFORMS.build({'type': 'LoadImageFromFile', 'color_type': 'unchanged'})
    for name in 'ab':
        np.testing.assert_array_equal(load({'img_path': str(tmp_path / f'{name}.tif')})['img'], given)


@pytest.mark.parametrize('dtype', ['uint8', 'uint16', 'float32'])
@pytest.mark.parametrize('channels', [1, 3])
def test_ordinary_tiff_needs_no_package(
    tmp_path: Path, channels: int, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ('tifffile', 'rasterio'):
        monkeypatch.setitem(sys.modules, package, None)
    given = image(channels, dtype)
    path = str(tmp_path / 'a.tif')
    assert cv2.imwrite(path, given)
    np.testing.assert_array_equal(read_bands(path), given[..., ::-1] if channels == 3 else given)
    load = TRANSFORMS.build({'type': 'LoadImageFromFile', 'color_type': 'unchanged'})
    np.testing.assert_array_equal(load({'img_path': path})['img'], given.squeeze())


def test_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'a.tif'
    write_tiff(path, image(5, 'uint8'), planarconfig='contig')
    with pytest.raises(DataError, match=r"a TIFF file of 5 channels.*imdecode_backend='tifffile'"):
        TRANSFORMS.build({'type': 'LoadImageFromFile'})({'img_path': str(path)})
    for package in ('tifffile', 'rasterio'):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=r'mmnext\[tiff\]'):
        read_bands(str(path))
    with pytest.raises(MissingDependencyError, match=r'mmnext\[raster\]'):
        read_bands(str(tmp_path / 'a.jp2'))


def test_broken_tiff(tmp_path: Path) -> None:
    path = tmp_path / 'a.tif'
    write_tiff(path, image(5, 'uint8'), planarconfig='contig')
    path.write_bytes(path.read_bytes()[:500])
    load = TRANSFORMS.build({'type': 'LoadImageFromFile', 'color_type': 'unchanged'})
    with pytest.raises(DataError, match=r'a\.tif'):
        load({'img_path': str(path)})


def test_sixteen_bit_png(tmp_path: Path) -> None:
    given = image(3, 'uint16')
    cv2.imwrite(str(tmp_path / 'a.png'), given)
    load = TRANSFORMS.build({'type': 'LoadImageFromFile', 'color_type': 'unchanged'})
    packed = T.PackSegInputs()(load({'img_path': str(tmp_path / 'a.png')}))
    assert packed['inputs'].dtype == torch.uint16
    preprocess = SegDataPreProcessor(mean=[0, 100, 200], std=[1, 2, 4], bgr_to_rgb=True)
    out = preprocess({'inputs': [packed['inputs']], 'data_samples': [packed['data_samples']]})['inputs'][0].numpy()
    expected = (given[..., ::-1].astype(float) - [0, 100, 200]) / [1, 2, 4]
    np.testing.assert_allclose(out, expected.transpose(2, 0, 1), rtol=1e-5)


def test_preprocessor_wants_a_mean_for_each_channel() -> None:
    five = {'inputs': [torch.zeros(5, 4, 4)]}
    with pytest.raises(DataError, match='5 channels, but mean and std of data_preprocessor 3'):
        SegDataPreProcessor(mean=[0, 0, 0], std=[1, 1, 1])(five)
    with pytest.raises(DataError, match='1 channels'):
        SegDataPreProcessor(mean=[0, 0, 0], std=[1, 1, 1])({'inputs': [torch.zeros(1, 4, 4)]})
    assert SegDataPreProcessor(mean=[1], std=[2])(five)['inputs'].unique().tolist() == [-0.5]
    assert SegDataPreProcessor(mean=[0] * 5, std=[1] * 5, bgr_to_rgb=True)(five)['inputs'].shape == (1, 5, 4, 4)


@pytest.mark.parametrize('kind', ['ResNet', 'MixVisionTransformer'])
def test_from_five_channels_to_features(tmp_path: Path, kind: str) -> None:
    def build(channels: int, init_cfg: dict | None = None) -> torch.nn.Module:
        if kind == 'ResNet':
            return ResNet(18, in_channels=channels, base_channels=8, stem_channels=8, init_cfg=init_cfg)
        return MixVisionTransformer(
            in_channels=channels, embed_dims=8, num_layers=[1] * 4, num_heads=[1, 2, 4, 8], init_cfg=init_cfg
        )

    torch.manual_seed(0)
    colour = build(3)
    torch.save({'state_dict': colour.state_dict()}, tmp_path / 'colour.pth')
    model = build(5, {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'colour.pth')})
    model.init_weights()
    for (name, a), (_, b) in zip(colour.named_parameters(), model.named_parameters(), strict=True):
        assert a.shape != b.shape or torch.equal(a, b), name
    grey = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        # What is the same in all channels is seen as before.
        for a, b in zip(colour.eval()(grey.expand(1, 3, 64, 64)), model.eval()(grey.expand(1, 5, 64, 64)), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_a_data_set_of_rasters(tmp_path: Path) -> None:
    (tmp_path / 'img').mkdir()
    (tmp_path / 'ann').mkdir()
    write_tiff(tmp_path / 'img/a.tif', image(6, 'uint16'), planarconfig='contig')
    cv2.imwrite(str(tmp_path / 'ann/a.png'), RNG.integers(0, 2, (40, 60), dtype=np.uint8))
    data = BaseSegDataset(
        img_suffix='.tif',
        data_root=str(tmp_path),
        data_prefix={'img_path': 'img', 'seg_map_path': 'ann'},
        metainfo={'classes': ('x', 'y')},
        pipeline=[
            {'type': 'LoadSingleRSImageFromFile'},
            {'type': 'LoadAnnotations'},
            {'type': 'RandomCrop', 'crop_size': (32, 32)},
            {'type': 'PackSegInputs'},
        ],
    )
    sample = data[0]
    preprocess = SegDataPreProcessor(mean=[500] * 6, std=[300] * 6, size=(32, 32))
    batch = preprocess({'inputs': [sample['inputs']], 'data_samples': [sample['data_samples']]}, training=True)
    assert batch['inputs'].shape == (1, 6, 32, 32) and batch['inputs'].dtype == torch.float32
