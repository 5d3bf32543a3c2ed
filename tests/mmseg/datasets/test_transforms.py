import sys
import types

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmengine.utils.errors import ConfigError, DataError, MissingDependencyError
from mmseg.datasets import transforms as T
from mmseg.datasets.transforms.crop import label_counts
from mmseg.registry import TRANSFORMS

RNG = np.random.default_rng(0)


def sample(h=40, w=60):
    labels = RNG.integers(0, 5, (h, w), dtype=np.uint8)
    labels[:4] = 255
    return {
        'img': RNG.integers(0, 256, (h, w, 3), dtype=np.uint8),
        'gt_seg_map': labels,
        'seg_fields': ['gt_seg_map'],
        'img_shape': (h, w),
    }


# ------------------------------------------------------------------ loading


def load_labels(path, labels, **results):
    Image.fromarray(labels).save(path)
    full = {'seg_map_path': str(path), 'seg_fields': [], 'reduce_zero_label': False, 'label_map': None, **results}
    return T.LoadAnnotations()(full)


def test_labels_are_read_reduced_then_mapped(tmp_path):
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    plain = load_labels(tmp_path / 'm.png', labels)
    np.testing.assert_array_equal(plain['gt_seg_map'], labels)
    assert plain['seg_fields'] == ['gt_seg_map']
    reduced = load_labels(tmp_path / 'm.png', labels, reduce_zero_label=True)['gt_seg_map'].ravel()
    assert reduced[:3].tolist() == [255, 0, 1] and reduced[-2:].tolist() == [253, 255]
    both = load_labels(tmp_path / 'm.png', labels, reduce_zero_label=True, label_map={0: 1, 1: 255, 2: 0})
    assert both['gt_seg_map'].ravel()[:5].tolist() == [255, 1, 255, 0, 3]
    assert both['gt_seg_map'].dtype == np.uint8


def test_labels_of_a_palette_image_are_its_indices(tmp_path):
    indices = RNG.integers(0, 3, (5, 6), dtype=np.uint8)
    image = Image.fromarray(indices).convert('P')
    image.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0])
    image.save(tmp_path / 'p.png')
    results = {'seg_map_path': str(tmp_path / 'p.png'), 'seg_fields': [], 'reduce_zero_label': False}
    np.testing.assert_array_equal(T.LoadAnnotations()(results)['gt_seg_map'], indices)


def test_labels_above_255_do_not_wrap(tmp_path):
    labels = np.array([[0, 255, 256, 700]], np.uint16)
    wide = load_labels(tmp_path / 'm.png', labels, label_map={700: 3})['gt_seg_map']
    assert wide.ravel().tolist() == [0, 255, 256, 3]
    small = load_labels(tmp_path / 'm.png', labels // 3)['gt_seg_map']
    assert small.dtype == np.uint8 and small.ravel().tolist() == [0, 85, 85, 233]


def test_label_loading_errors(tmp_path):
    path = tmp_path / 'm.png'
    path.write_bytes(b'nothing')
    results = {'seg_map_path': str(path), 'seg_fields': [], 'reduce_zero_label': False}
    with pytest.raises(DataError, match=r'm\.png'):
        T.LoadAnnotations()(dict(results))
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(path)
    with pytest.raises(ConfigError, match='reduce_zero_label=True'):
        T.LoadAnnotations(reduce_zero_label=True)(dict(results))


def test_image_from_array():
    out = T.LoadImageFromNDArray(to_float32=True)({'img': np.ones((4, 5, 3), np.uint8)})
    assert out['img'].dtype == np.float32 and out['ori_shape'] == (4, 5) and out['img_path'] is None


def test_depth(tmp_path):
    depth = RNG.integers(0, 9999, (4, 5)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / 'd.png'), depth)
    np.save(tmp_path / 'd.npy', depth)
    for name, backend in (('d.png', 'cv2'), ('d.npy', 'numpy')):
        load = T.LoadDepthAnnotation(decode_backend=backend, depth_rescale_factor=0.001)
        out = load({'depth_map_path': str(tmp_path / name), 'seg_fields': []})
        np.testing.assert_allclose(out['gt_depth_map'], depth / 1000, rtol=1e-6)
        assert out['seg_fields'] == ['gt_depth_map'] and out['gt_depth_map'].dtype == np.float32


def test_remote_sensing_pair(tmp_path):
    img = sample()['img']
    for name in ('a.png', 'b.png'):
        cv2.imwrite(str(tmp_path / name), img)
    pair = {'img_path': str(tmp_path / 'a.png'), 'img_path2': str(tmp_path / 'b.png')}
    out = T.ConcatCDInput()(T.LoadMultipleRSImageFromFile(to_float32=False)(dict(pair)))
    np.testing.assert_array_equal(out['img'], np.concatenate([img[..., ::-1]] * 2, axis=2))
    assert T.LoadSingleRSImageFromFile()(dict(pair))['img'].dtype == np.float32
    cv2.imwrite(str(tmp_path / 'b.png'), img[:5])
    with pytest.raises(DataError, match='differ in shape'):
        T.LoadMultipleRSImageFromFile()(dict(pair))
    (tmp_path / 'c.vrt').touch()
    with pytest.raises(MissingDependencyError, match=r'mmnext\[raster\]'):
        T.LoadSingleRSImageFromFile()({'img_path': str(tmp_path / 'c.vrt')})


# ------------------------------------------------------------------ packing


@pytest.mark.parametrize('channels', [None, 1, 3, 6])
@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
def test_pack_image(channels, dtype):
    shape = (4, 5) if channels is None else (4, 5, channels)
    img = (RNG.random(shape) * 255).astype(dtype)
    inputs = T.PackSegInputs()({'img': img[::-1]})['inputs']
    assert inputs.is_contiguous() and inputs.shape == (channels or 1, 4, 5)
    np.testing.assert_array_equal(inputs.permute(1, 2, 0).numpy().reshape(shape), img[::-1])


def test_pack_truth_and_meta():
    data = sample()
    edge, depth = np.ones((40, 60), np.uint8), np.ones((40, 60), np.float32)
    packed = T.PackSegInputs()({**data, 'gt_edge_map': edge, 'gt_depth_map': depth, 'img_path': 'p'})['data_samples']
    assert packed.metainfo == {'img_path': 'p', 'img_shape': (40, 60)}
    np.testing.assert_array_equal(packed.gt_sem_seg.data[0].numpy(), data['gt_seg_map'])
    assert packed.gt_sem_seg.data.dtype == packed.gt_edge_map.data.dtype == torch.int64
    assert packed.gt_depth_map.data.shape == (1, 40, 60) and packed.gt_depth_map.data.dtype == torch.float32
    assert T.PackSegInputs(meta_keys=('img_path',))({'img_path': 'q'})['data_samples'].metainfo == {'img_path': 'q'}


# ------------------------------------------------------------------ geometry


@given(st.integers(1, 50), st.integers(1, 70), st.integers(0, 2**31 - 1))
@settings(deadline=None, max_examples=50)
def test_crop_is_a_window_and_image_and_labels_agree(h, w, seed):
    data = sample()
    data['img'] = np.arange(40 * 60, dtype=np.int32).reshape(40, 60, 1).repeat(3, 2)
    data['gt_seg_map'] = data['img'][..., 0].copy()
    np.random.seed(seed)
    out = T.RandomCrop((h, w))(data)
    assert out['img_shape'] == out['img'].shape[:2] == (min(h, 40), min(w, 60))
    np.testing.assert_array_equal(out['img'][..., 0], out['gt_seg_map'])
    assert (np.diff(out['gt_seg_map'], axis=1) == 1).all() and (np.diff(out['gt_seg_map'], axis=0) == 60).all()


def test_crop_avoids_windows_of_one_class():
    labels = np.zeros((100, 100), np.uint8)
    labels[40:60, 40:60] = 1
    labels[:, 95:] = 255
    shares = {}
    for ratio in (1.0, 0.95):
        np.random.seed(0)
        crop = T.RandomCrop((30, 30), cat_max_ratio=ratio)
        found = []
        for _ in range(60):
            out = crop({'img': labels, 'gt_seg_map': labels, 'seg_fields': ['gt_seg_map']})['gt_seg_map']
            found.append((out == 1).any())
        shares[ratio] = np.mean(found)
    assert shares[1.0] < 0.7 and shares[0.95] > 0.9
    with pytest.raises(ValueError, match='positive'):
        T.RandomCrop((0, 3))


@given(st.lists(st.integers(0, 255), min_size=1, max_size=50))
@settings(deadline=None)
def test_label_counts_are_those_of_numpy(values):
    for dtype in (np.uint8, np.int32):
        array = np.array([values], dtype)
        for ours, numpys in zip(label_counts(array), np.unique(array, return_counts=True), strict=True):
            np.testing.assert_array_equal(ours, numpys)


def test_rotation_fills_image_and_labels():
    np.random.seed(0)
    out = T.RandomRotate(1.0, (40, 50), pad_val=7, seg_pad_val=9)(sample())
    assert out['img'][0, 0].tolist() == [7, 7, 7] and out['gt_seg_map'][0, 0] == 9
    assert set(np.unique(out['gt_seg_map'])) <= {0, 1, 2, 3, 4, 9, 255}
    wider = T.RandomRotate(1.0, (90, 90.0001), auto_bound=True)(sample())
    assert wider['img_shape'] == wider['gt_seg_map'].shape == (60, 40)
    data = sample()
    assert T.RandomRotate(0.0, 10)(data)['img'] is data['img']
    for args in ((2.0, 10), (0.5, -10)):
        with pytest.raises(ValueError):
            T.RandomRotate(*args)


def test_rot_flip_keeps_all_pixels():
    np.random.seed(1)
    data = sample()
    before = data['img']
    out = T.RandomRotFlip(rotate_prob=0, flip_prob=1.0)(data)
    assert sorted(out['img'].ravel()) == sorted(before.ravel())
    assert out['img'].shape[:2] == out['gt_seg_map'].shape == out['img_shape']


def test_resizes():
    out = T.Resize((30, 20))({**sample(), 'seg_fields': ['gt_seg_map', 'other'], 'other': np.ones((40, 60), np.uint8)})
    assert out['gt_seg_map'].shape == out['other'].shape == (20, 30)
    out = T.ResizeToMultiple(32)(sample())
    assert out['img_shape'] == out['pad_shape'] == out['gt_seg_map'].shape == (64, 64)
    assert T.ResizeShortestEdge(20, max_size=100)(sample())['img_shape'] == (20, 30)
    assert T.ResizeShortestEdge((20, 50), max_size=25)(sample())['img_shape'] == (17, 25)
    out = T.SegRescale(0.5)(sample())
    assert out['img'].shape[:2] == (40, 60) and out['gt_seg_map'].shape == (20, 30)


def test_flip_flips_all_fields():
    data = sample()
    other = RNG.random((40, 60))
    out = T.RandomFlip(1.0)({**data, 'other': other, 'seg_fields': ['gt_seg_map', 'other']})
    for key, before in (('img', data['img']), ('gt_seg_map', data['gt_seg_map']), ('other', other)):
        np.testing.assert_array_equal(out[key], before[:, ::-1])


def test_edges_lie_between_classes_but_not_at_ignored_pixels():
    labels = np.zeros((9, 12), np.uint8)
    labels[:, 6:] = 1
    labels[:, 10:] = 255
    edge = T.GenerateEdge(edge_width=1)({'gt_seg_map': labels})['gt_edge_map']
    assert edge[:, 4:7].any() and not edge[:, :4].any() and not edge[:, 7:].any()
    assert T.GenerateEdge(edge_width=3)({'gt_seg_map': labels})['gt_edge_map'].sum() > edge.sum()


def test_cutout():
    np.random.seed(0)
    out = T.RandomCutOut(1.0, (1, 3), cutout_ratio=[(0.2, 0.2)], fill_in=(1, 2, 3), seg_fill_in=77)(sample())
    cut = (out['img'] == [1, 2, 3]).all(axis=2)
    assert cut.any() and (out['gt_seg_map'][cut] == 77).all() and (out['gt_seg_map'][~cut] != 77).all()
    data = sample()
    assert not (T.RandomCutOut(1.0, 2, cutout_shape=(5, 5))(data)['gt_seg_map'] == 77).any()
    for kwargs in ({}, {'cutout_shape': (1, 1), 'cutout_ratio': (1, 1)}):
        with pytest.raises(ValueError, match='exactly one'):
            T.RandomCutOut(0.5, 1, **kwargs)


def test_mosaic_joins_four_images_at_the_centre():
    np.random.seed(0)
    tiles = [{'img': np.full((20, 30, 3), i, np.uint8), 'gt_seg_map': np.full((20, 30), i, np.uint8)} for i in range(4)]
    results = {**tiles[0], 'seg_fields': ['gt_seg_map'], 'mix_results': tiles[1:]}
    mosaic = T.RandomMosaic(1.0, img_scale=(20, 30), pad_val=99)
    assert len(mosaic.get_indices(range(7))) == 3
    out = mosaic(results)
    assert out['img'].shape == (40, 60, 3)
    x, y = mosaic.center_x, mosaic.center_y
    corners = out['gt_seg_map'][[y - 1, y - 1, y, y], [x - 1, x, x - 1, x]]
    assert corners.tolist() == [0, 1, 2, 3]
    padded = out['gt_seg_map'] == 255
    np.testing.assert_array_equal(out['img'][..., 0][~padded], out['gt_seg_map'][~padded])
    assert (out['img'][padded] == 99).all()
    with pytest.raises(ValueError, match='MultiImageMixDataset'):
        mosaic(tiles[0])


# ------------------------------------------------------------------ colour


def distort_step_by_step(img):
    """The definition, one conversion a step."""

    def linear(values, alpha=1.0, beta=0.0):
        return np.clip(values.astype(np.float32) * alpha + beta, 0, 255).astype(np.uint8)

    if np.random.randint(2):
        img = linear(img, beta=np.random.uniform(-32, 32))
    first = np.random.randint(2)
    if first and np.random.randint(2):
        img = linear(img, alpha=np.random.uniform(0.5, 1.5))
    if np.random.randint(2):
        hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV)
        hsv[..., 1] = linear(hsv[..., 1], alpha=np.random.uniform(0.5, 1.5))
        img = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    if np.random.randint(2):
        hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) + np.random.randint(-18, 18)) % 180
        img = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    if not first and np.random.randint(2):
        img = linear(img, alpha=np.random.uniform(0.5, 1.5))
    return img


def test_photometric_distortion_is_its_definition_within_rounding():
    distortion = T.PhotoMetricDistortion()
    img = sample()['img']
    for seed in range(64):
        np.random.seed(seed)
        expected = distort_step_by_step(img.copy())
        np.random.seed(seed)
        before = img.copy()
        out = distortion({'img': before})['img']
        assert out.dtype == np.uint8
        np.testing.assert_array_equal(before, img)
        assert np.abs(out.astype(int) - expected).max() <= 6
        assert np.abs(out.astype(int) - expected).mean() < 0.5


def test_photometric_distortion_of_floats_and_of_many_channels():
    img = sample()['img']
    np.random.seed(3)
    expected = T.PhotoMetricDistortion()({'img': img})['img']
    np.random.seed(3)
    np.testing.assert_array_equal(T.PhotoMetricDistortion()({'img': img.astype(np.float32)})['img'], expected)
    with pytest.raises(ValueError, match=r'\(40, 60, 6\)'):
        T.PhotoMetricDistortion()({'img': np.zeros((40, 60, 6), np.uint8)})


@pytest.mark.parametrize('step', ['brightness', 'contrast', 'saturation', 'hue'])
def test_single_steps_act_half_of_the_time(step):
    np.random.seed(0)
    img = sample()['img']
    distortion = T.PhotoMetricDistortion(hue_delta=1 if step == 'x' else 18)
    changed = np.mean([not np.array_equal(getattr(distortion, step)(img), img) for _ in range(100)])
    assert 0.3 < changed < 0.7


def test_tones():
    out = T.Rerange(-1, 1)(sample())['img']
    assert out.min() == -1 and out.max() == 1
    with pytest.raises(ValueError, match='all 3'):
        T.Rerange()({'img': np.full((2, 2, 3), 3)})
    img = sample()['img']
    gray = T.RGB2Gray(out_channels=1)({'img': img.copy()})['img']
    np.testing.assert_allclose(gray[..., 0], img @ np.array([0.299, 0.587, 0.114]))
    assert T.RGB2Gray()({'img': img.copy()})['img'].shape == img.shape
    brighter = T.AdjustGamma(2.0)({'img': img})['img']
    assert (brighter >= img).all() and brighter.mean() > img.mean()
    flat = np.clip(img // 8 + 100, 0, 255).astype(np.uint8)
    assert T.CLAHE()({'img': flat.copy()})['img'].std() > flat.std()


def test_depth_mix_paints_a_stripe():
    np.random.seed(0)
    img, depth = np.zeros((4, 60, 3), np.uint8), np.full((4, 60), 7.0)
    out = T.RandomDepthMix(prob=1.0)({'img': img, 'gt_depth_map': depth, 'img_shape': (4, 60)})['img']
    columns = np.nonzero(out[0, :, 0])[0]
    assert len(columns) and (np.diff(columns) == 1).all() and (out[:, columns] == 7).all()


def test_albu_adapts_a_library_with_that_interface(monkeypatch):
    """With a stand-in: the package itself is not part of the test environment."""

    class Invert:
        def __init__(self, amount):
            self.amount = amount

        def __call__(self, image, mask):
            return {'image': self.amount - image, 'mask': mask + 1}

    class Compose:
        def __init__(self, transforms, additional_targets):
            self.transforms = transforms

        def __call__(self, **data):
            for transform in self.transforms:
                data = transform(**data)
            return data

    with pytest.raises(MissingDependencyError, match='pip install albumentations'):
        T.Albu([])
    library = types.SimpleNamespace(Invert=Invert, Compose=Compose)
    monkeypatch.setitem(sys.modules, 'albumentations', library)
    data = sample()
    out = T.Albu([{'type': 'Invert', 'amount': 255}])(dict(data))
    np.testing.assert_array_equal(out['img'], 255 - data['img'])
    np.testing.assert_array_equal(out['gt_seg_map'], data['gt_seg_map'] + 1)
    with pytest.raises(ConfigError, match='Nope'):
        T.Albu([{'type': 'Nope'}])


# ------------------------------------------------------------------ together


def test_same_seed_same_sample_and_no_other_generator():
    pipeline = [
        T.RandomCrop((30, 40), cat_max_ratio=0.75),
        T.RandomFlip(0.5),
        T.RandomRotate(0.5, 20),
        T.PhotoMetricDistortion(),
        T.RandomCutOut(0.5, (1, 3), cutout_shape=(5, 5)),
    ]
    data = sample()

    def run(seed):
        np.random.seed(seed)
        results = {key: value.copy() if hasattr(value, 'copy') else value for key, value in data.items()}
        for transform in pipeline:
            results = transform(results)
        return results['img']

    for seed in range(5):
        np.testing.assert_array_equal(run(seed), run(seed))
    assert not np.array_equal(run(0), run(1))


def test_registered_names_and_deep_paths():
    from mmseg.datasets.transforms import transforms as deep

    for name in T.__all__:
        assert TRANSFORMS.get(name) is getattr(T, name)
    assert deep.PhotoMetricDistortion is T.PhotoMetricDistortion
    assert TRANSFORMS.get('LoadImageFromFile').__name__ == 'LoadImageFromFile'
