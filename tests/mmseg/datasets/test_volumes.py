"""Transforms of volumes, and the data sets of them."""

from __future__ import annotations

import json
import pickle
import sys
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.utils.errors import DataError, MissingDependencyError
from mmseg.datasets import DecathlonDataset, DSDLSegDataset
from mmseg.datasets import transforms as T
from mmseg.datasets.transforms.volume_tones import gaussian_blur

SHARED = Path(__file__).resolve().parents[3].parent / 'shared' / 'data'
RNG = np.random.default_rng(0)


def sample(channels: int = 2, shape: tuple[int, int, int] = (8, 9, 10)) -> dict:
    return {
        'img': RNG.normal(size=(channels, *shape)).astype(np.float32),
        'gt_seg_map': RNG.integers(0, 3, shape, dtype=np.uint8),
        'img_shape': shape,
        'seg_fields': [],
    }


# ------------------------------------------------------------------ loading


def test_arrays_are_read_in_the_wanted_order(tmp_path: Path) -> None:
    volume = RNG.normal(size=(2, 4, 5, 6)).astype(np.float32)
    np.save(tmp_path / 'v.npy', volume)
    path = {'img_path': str(tmp_path / 'v.npy')}
    plain = T.LoadBiomedicalImageFromFile(decode_backend='numpy')(dict(path))
    np.testing.assert_array_equal(plain['img'], volume)
    assert plain['img_shape'] == plain['ori_shape'] == (4, 5, 6)
    turned = T.LoadBiomedicalImageFromFile(decode_backend='numpy', to_xyz=True)(dict(path))
    np.testing.assert_array_equal(turned['img'], volume.transpose(0, 3, 2, 1))
    both = T.LoadBiomedicalData(with_seg=True)(dict(path))
    np.testing.assert_array_equal(both['img'], volume[:1])
    np.testing.assert_array_equal(both['gt_seg_map'], volume[1])
    assert 'gt_seg_map' not in T.LoadBiomedicalData()(dict(path))


def test_volume_without_channels_gets_one(tmp_path: Path) -> None:
    np.save(tmp_path / 'v.npy', np.zeros((4, 5, 6), np.int16))
    loaded = T.LoadBiomedicalImageFromFile(decode_backend='numpy', to_float32=False)(
        {'img_path': str(tmp_path / 'v.npy')}
    )
    assert loaded['img'].shape == (1, 4, 5, 6) and loaded['img'].dtype == np.int16
    labels = T.LoadBiomedicalAnnotation(decode_backend='numpy')({'seg_map_path': str(tmp_path / 'v.npy')})
    assert labels['gt_seg_map'].shape == (4, 5, 6)


def test_pickles_hold_arrays_and_no_code(tmp_path: Path) -> None:
    array = RNG.normal(size=(2, 3, 4, 5))
    (tmp_path / 'good.pkl').write_bytes(pickle.dumps(array))
    load = T.LoadBiomedicalImageFromFile(decode_backend='pickle')
    np.testing.assert_allclose(load({'img_path': str(tmp_path / 'good.pkl')})['img'], array, rtol=1e-6)
    for content, words in ((print, 'refers to builtins.print'), (OrderedDict(a=1), 'holds a OrderedDict')):
        (tmp_path / 'bad.pkl').write_bytes(pickle.dumps(content))
        with pytest.raises(DataError, match=words):
            load({'img_path': str(tmp_path / 'bad.pkl')})


def test_broken_volumes_name_the_file(tmp_path: Path) -> None:
    (tmp_path / 'v.npy').write_bytes(b'\x93NUMPY')
    with pytest.raises(DataError, match=r'v\.npy as numpy'):
        T.LoadBiomedicalImageFromFile(decode_backend='numpy')({'img_path': str(tmp_path / 'v.npy')})
    np.save(tmp_path / 'flat.npy', np.zeros((3, 3)))
    with pytest.raises(DataError, match=r'flat\.npy has shape \(3, 3\)'):
        T.LoadBiomedicalImageFromFile(decode_backend='numpy')({'img_path': str(tmp_path / 'flat.npy')})
    with pytest.raises(ValueError, match='decode_backend'):
        T.LoadBiomedicalImageFromFile(decode_backend='png')


def test_nifti_is_stored_as_xyz() -> None:
    pytest.importorskip('nibabel', reason='nibabel is optional')
    path = SHARED / 'biomedical.nii.gz'
    if not path.exists():
        pytest.skip('no shared samples')
    xyz = T.LoadBiomedicalImageFromFile(to_xyz=True)({'img_path': str(path)})['img']
    zyx = T.LoadBiomedicalImageFromFile()({'img_path': str(path)})['img']
    np.testing.assert_array_equal(zyx, xyz.transpose(0, 3, 2, 1))


def test_nifti_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'nibabel', None)
    (tmp_path / 'a.nii').write_bytes(b'0' * 400)
    with pytest.raises(MissingDependencyError, match='nibabel'):
        T.LoadBiomedicalImageFromFile()({'img_path': str(tmp_path / 'a.nii')})


def test_inferencer_loader(tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / 'a.png'), np.full((4, 5, 3), 7, np.uint8))
    load = T.InferencerLoader()
    for given_ in (str(tmp_path / 'a.png'), {'img_path': str(tmp_path / 'a.png')}, np.full((4, 5, 3), 7, np.uint8)):
        loaded = load(given_)
        assert loaded['img'].shape == (4, 5, 3) and loaded['ori_shape'] == (4, 5) and (loaded['img'] == 7).all()
    with pytest.raises(NotImplementedError, match='int'):
        load(3)


# ------------------------------------------------------------------ sizes and flips


def test_crop_keeps_foreground() -> None:
    np.random.seed(0)
    for _ in range(20):
        data = sample(1, (20, 20, 20))
        data['gt_seg_map'][:] = 0
        data['gt_seg_map'][3, 17, 9] = 2
        out = T.BioMedical3DRandomCrop((4, 5, 6))(data)
        assert out['img'].shape == (1, 4, 5, 6) and out['img_shape'] == (4, 5, 6)
        assert (out['gt_seg_map'] == 2).sum() == 1
    data['gt_seg_map'] = np.zeros((20, 20, 20), np.uint8)
    data['img'] = np.zeros((1, 20, 20, 20), np.float32)
    assert T.BioMedical3DRandomCrop(4)(data)['gt_seg_map'].shape == (4, 4, 4), 'without foreground anywhere'
    small = T.BioMedical3DRandomCrop((20, 4, 20))(sample())
    assert small['img'].shape == (2, 8, 4, 10)


@settings(deadline=None, max_examples=30)
@given(st.tuples(*[st.integers(1, 12)] * 3))
def test_pad_reaches_the_shape_and_keeps_the_middle(shape: tuple[int, int, int]) -> None:
    data = sample()
    img, seg = data['img'].copy(), data['gt_seg_map'].copy()
    out = T.BioMedical3DPad(shape, pad_val=9.0, seg_pad_val=7)(data)
    wanted = tuple(max(a, b) for a, b in zip(shape, (8, 9, 10), strict=True))
    assert out['img'].shape[1:] == out['gt_seg_map'].shape == out['pad_shape'] == wanted
    where = tuple(slice((w - s) // 2, (w - s) // 2 + s) for w, s in zip(wanted, seg.shape, strict=True))
    np.testing.assert_array_equal(out['img'][(slice(None), *where)], img)
    np.testing.assert_array_equal(out['gt_seg_map'][where], seg)
    assert (out['gt_seg_map'] == 7).sum() == out['gt_seg_map'].size - seg.size


def test_flip_and_its_labels() -> None:
    data = sample()
    img, seg = data['img'].copy(), data['gt_seg_map'].copy()
    out = T.BioMedical3DRandomFlip(1.0, (0, 2), swap_label_pairs=[(1, 2)])(data)
    np.testing.assert_array_equal(out['img'], img[:, ::-1, :, ::-1])
    swapped = np.array([0, 2, 1], np.uint8)[seg[::-1, :, ::-1]]
    np.testing.assert_array_equal(out['gt_seg_map'], swapped)
    assert out['do_flip'] == (True, False, True)
    data = sample()
    still = T.BioMedical3DRandomFlip(0.0, (0,), [(1, 2)])(dict(data))
    np.testing.assert_array_equal(still['gt_seg_map'], data['gt_seg_map'])
    for bad in ({'prob': 2.0, 'axes': (0,)}, {'prob': 0.5, 'axes': (3,)}, {'prob': 0.5, 'axes': ()}):
        with pytest.raises(ValueError, match='should be'):
            T.BioMedical3DRandomFlip(**bad)


# ------------------------------------------------------------------ tones


def test_blur_is_that_of_scipy() -> None:
    ndimage = pytest.importorskip('scipy.ndimage', reason='scipy is optional')
    volume = RNG.normal(size=(9, 10, 11))
    sigmas = (0.5, 1.3, 0.9)
    np.testing.assert_allclose(gaussian_blur(volume, sigmas), ndimage.gaussian_filter(volume, sigmas), atol=1e-12)


def test_blur_by_channel() -> None:
    np.random.seed(3)
    data = sample(6)
    before = data['img'].copy()
    out = T.BioMedicalGaussianBlur(prob=1.0, prob_per_channel=0.5)(data)['img']
    changed = [bool((a != b).any()) for a, b in zip(before, out, strict=True)]
    assert 0 < sum(changed) < 6
    assert out[changed].std() < before[changed].std()


def test_noise() -> None:
    np.random.seed(0)
    deviations = [
        T.BioMedicalGaussianNoise(1.0, mean=0.5, std=0.1)({'img': np.zeros((1, 20, 20, 20), np.float32)})['img']
        for _ in range(20)
    ]
    assert all(abs(d.mean() - 0.5) < 0.02 and d.dtype == np.float32 for d in deviations)
    assert max(d.std() for d in deviations) < 0.105 and min(d.std() for d in deviations) < 0.05
    same = sample()
    assert T.BioMedicalGaussianNoise(0.0)(same)['img'] is same['img']


@pytest.mark.parametrize('invert', [False, True])
@pytest.mark.parametrize('per_channel', [False, True])
@pytest.mark.parametrize('retain', [False, True])
def test_gamma(invert: bool, per_channel: bool, retain: bool) -> None:
    data = sample()
    before = data['img'].copy()
    out = T.BioMedicalRandomGamma(1.0, (2.0, 2.0), invert, per_channel, retain)(data)['img']

    def slow(part: np.ndarray) -> np.ndarray:
        values = -part if invert else part
        low, high = values.min(), values.max()
        powered = ((values - low) / (high - low)) ** 2 * (high - low) + low
        if retain:
            powered = (powered - powered.mean()) / powered.std() * values.std() + values.mean()
        return -powered if invert else powered

    expected = np.stack([slow(channel) for channel in before]) if per_channel else slow(before)
    np.testing.assert_allclose(out, expected, atol=1e-4)


def test_volumes_are_packed_as_they_are() -> None:
    data = sample()
    packed = T.PackSegInputs()(data)
    assert packed['inputs'].shape == (2, 8, 9, 10)
    assert packed['data_samples'].gt_sem_seg.data.shape == (8, 9, 10)


# ------------------------------------------------------------------ datasets


def test_decathlon(tmp_path: Path) -> None:
    described = {
        'labels': {'0': 'background', '2': 'b', '1': 'a'},
        'modality': {'0': 'MRI'},
        'training': [{'image': './imagesTr/x.nii.gz', 'label': './labelsTr/x.nii.gz'}],
        'test': ['./imagesTs/y.nii.gz'],
    }
    (tmp_path / 'dataset.json').write_text(json.dumps(described))
    train = DecathlonDataset(ann_file='dataset.json', data_root=str(tmp_path))
    assert train.metainfo['classes'] == ['background', 'a', 'b'] and len(train.metainfo['palette']) == 3
    assert train.metainfo['modality'] == {'0': 'MRI'}
    info = train.get_data_info(0)
    assert info['img_path'] == str(tmp_path / 'imagesTr/x.nii.gz')
    assert info['seg_map_path'] == str(tmp_path / 'labelsTr/x.nii.gz')
    test = DecathlonDataset(ann_file='dataset.json', data_root=str(tmp_path), test_mode=True)
    assert test.get_data_info(0)['img_path'] == str(tmp_path / 'imagesTs/y.nii.gz')
    assert 'seg_map_path' not in test.get_data_info(0)
    (tmp_path / 'dataset.json').write_text('[]')
    with pytest.raises(DataError, match=r'dataset\.json'):
        DecathlonDataset(ann_file='dataset.json', data_root=str(tmp_path))


def test_dsdl(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingDependencyError, match='pip install dsdl'):
        monkeypatch.setitem(sys.modules, 'dsdl.dataset', None)
        DSDLSegDataset(ann_file='a.yaml')

    class Described:
        class_names = ('cat', 'dog')

        def __init__(self, **kwargs: object) -> None:
            self.given = kwargs

        def __iter__(self):
            for i in range(2):
                yield {kind: [types.SimpleNamespace(location=f'{kind}/{i}')] for kind in ('Image', 'LabelMap')}

    module = types.ModuleType('dsdl.dataset')
    module.DSDLDataset = Described
    monkeypatch.setitem(sys.modules, 'dsdl', types.ModuleType('dsdl'))
    monkeypatch.setitem(sys.modules, 'dsdl.dataset', module)
    data = DSDLSegDataset(ann_file='a.yaml', data_root='/r', data_prefix={'img_path': 'i', 'seg_map_path': 'm'})
    assert data.metainfo['classes'] == ('background', 'cat', 'dog') and len(data) == 2
    assert data.dsdldataset.given['dsdl_yaml'] == '/r/a.yaml'
    assert data.get_data_info(1)['img_path'] == '/r/i/Image/1' and data.label_map is None
    some = DSDLSegDataset(ann_file='a.yaml', used_labels=['dog'])
    assert some.metainfo['classes'] == ('dog',) and some.label_map == {0: 255, 1: 255, 2: 0}
    assert DSDLSegDataset.METAINFO == {}, 'descriptions do not leak into the class'
