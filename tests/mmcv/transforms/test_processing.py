import numpy as np
import pytest
import torch

from mmcv.transforms import (
    CenterCrop,
    ImageToTensor,
    MultiScaleFlipAug,
    Normalize,
    Pad,
    RandomChoiceResize,
    RandomFlip,
    RandomGrayscale,
    RandomResize,
    Resize,
    TestTimeAug,
    ToTensor,
    to_tensor,
)

RNG = np.random.default_rng(0)


def sample():
    return {
        'img': RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8),
        'img_shape': (40, 60),
        'gt_seg_map': RNG.integers(0, 5, (40, 60), dtype=np.uint8),
        'gt_bboxes': np.array([[1, 2, 30, 35.0], [25, 15, 80, 80]], np.float32),
        'gt_keypoints': np.array([[[5, 5, 2], [30, 20, 2], [59, 39, 1]]], np.float32),
    }


@pytest.mark.parametrize(
    ('kwargs', 'shape'),
    [
        ({'scale': (30, 80)}, (80, 30)),
        ({'scale': 33}, (33, 33)),
        ({'scale': (33, 17), 'keep_ratio': True}, (17, 26)),
        ({'scale_factor': 0.5}, (20, 30)),
        ({'scale_factor': (0.5, 0.7)}, (28, 30)),
    ],
)
def test_resize(kwargs, shape):
    out = Resize(**kwargs)(sample())
    assert out['img'].shape == (*shape, 3)
    assert out['img_shape'] == out['gt_seg_map'].shape == shape
    assert out['scale_factor'] == (shape[1] / 60, shape[0] / 40)
    assert set(np.unique(out['gt_seg_map'])) <= set(range(5))
    x, y = out['scale_factor']
    np.testing.assert_allclose(out['gt_bboxes'][0], [1 * x, 2 * y, 30 * x, 35 * y])
    np.testing.assert_allclose(out['gt_bboxes'][1][2:], shape[::-1])
    np.testing.assert_allclose(out['gt_keypoints'][0, 1], [30 * x, 20 * y, 2])


def test_resize_needs_a_size():
    with pytest.raises(ValueError, match='scale'):
        Resize()
    with pytest.raises(TypeError, match='list'):
        Resize(scale_factor=[1, 2])
    outside = Resize(scale=(30, 20), clip_object_border=False)(sample())
    assert outside['gt_bboxes'][1][2] == 40


def test_random_resize_stays_in_its_ranges():
    np.random.seed(0)
    by_ratio = RandomResize((2048, 1024), ratio_range=(0.5, 2.0))
    scales = [by_ratio._random_scale() for _ in range(200)]
    assert all(1024 <= w <= 4096 and abs(w - 2 * h) <= 1 for w, h in scales)
    assert min(w for w, _ in scales) < 1200 and max(w for w, _ in scales) > 3900
    between = RandomResize([(10, 20), (30, 40)])
    drawn = [between._random_scale() for _ in range(300)]
    assert {w for w, _ in drawn} == set(range(10, 31)) and {h for _, h in drawn} == set(range(20, 41))
    out = RandomResize((30, 20), ratio_range=(1.0, 1.0), keep_ratio=True)(sample())
    assert out['img_shape'] == (20, 30) and out['scale'] == (30, 20)
    with pytest.raises(ValueError, match='ratio_range'):
        RandomResize((30, 20))._random_scale()


def test_random_choice_resize():
    out = RandomChoiceResize([(10, 20)])(sample())
    assert out['img_shape'] == (20, 10) and out['scale_idx'] == 0
    assert RandomChoiceResize([12, 12])(sample())['img_shape'] == (12, 12)
    with pytest.raises(TypeError, match='scales'):
        RandomChoiceResize([1.5])


@pytest.mark.parametrize(
    ('kwargs', 'shape'),
    [
        ({'size': (64, 48)}, (48, 64)),
        ({'size': (30, 20)}, (40, 60)),
        ({'size_divisor': 32}, (64, 64)),
        ({'pad_to_square': True}, (60, 60)),
        ({'pad_to_square': True, 'size_divisor': 32}, (64, 64)),
    ],
)
def test_pad(kwargs, shape):
    out = Pad(pad_val={'img': (1, 2, 3), 'seg': 9}, **kwargs)(sample())
    assert out['img'].shape == out['pad_shape'] == (*shape, 3)
    assert out['img_shape'] == out['gt_seg_map'].shape == shape
    if shape != (40, 60):
        assert out['img'][-1, -1].tolist() == [1, 2, 3] and out['gt_seg_map'][-1, -1] == 9


def test_pad_defaults_and_refusals():
    out = Pad(size=(64, 64), pad_val=7)(sample())
    assert out['img'][-1, -1].tolist() == [7, 7, 7] and out['gt_seg_map'][-1, -1] == 255
    for kwargs in ({}, {'size': (1, 1), 'size_divisor': 3}, {'size': (1, 1), 'pad_to_square': True}):
        with pytest.raises(ValueError, match='size'):
            Pad(**kwargs)


def test_center_crop():
    data = sample()
    img = data['img']
    out = CenterCrop((20, 10))(data)
    np.testing.assert_array_equal(out['img'], img[15:25, 20:40])
    assert out['gt_seg_map'].shape == out['img_shape'] == out['pad_shape'] == (10, 20)
    assert out['gt_bboxes'].tolist() == [[0, 0, 10, 10], [5, 0, 20, 10]]
    assert out['gt_keypoints'].tolist() == [[[0, 0, 0], [10, 5, 2], [20, 10, 0]]]
    padded = CenterCrop((80, 20), auto_pad=True)(sample())
    assert padded['img_shape'] == padded['gt_seg_map'].shape == (20, 80)
    assert CenterCrop((80, 20))(sample())['img_shape'] == (20, 60)
    with pytest.raises(ValueError, match='positive'):
        CenterCrop(0)


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_flip_twice_is_nothing(direction):
    data = sample()
    flip = RandomFlip(1.0, direction)
    once = flip({key: np.copy(value) if key != 'img_shape' else value for key, value in data.items()})
    assert once['flip'] is True and once['flip_direction'] == direction
    assert not np.array_equal(once['img'], data['img'])
    twice = flip(once)
    for key in ('img', 'gt_seg_map', 'gt_bboxes', 'gt_keypoints'):
        np.testing.assert_array_equal(twice[key], data[key])


def test_flip_swaps_labels():
    flip = RandomFlip(1.0, swap_seg_labels=[(1, 2)])
    out = flip({'img': np.zeros((1, 4, 3), np.uint8), 'gt_seg_map': np.array([[0, 1, 2, 3]], np.uint8)})
    assert out['gt_seg_map'].tolist() == [[3, 1, 2, 0]]
    with pytest.raises(ValueError, match='pairs'):
        RandomFlip(1.0, swap_seg_labels=[1, 2])(sample())


def test_flip_probabilities():
    np.random.seed(0)
    flip = RandomFlip([0.2, 0.3], ['horizontal', 'vertical'])
    drawn = [flip._choose_direction() for _ in range(1000)]
    assert 0.15 < drawn.count('horizontal') / 1000 < 0.25
    assert 0.25 < drawn.count('vertical') / 1000 < 0.35
    never = RandomFlip(0.0)(sample())
    assert never['flip'] is False and never['flip_direction'] is None
    for args in ((None,), (1.5,), ([0.5, 0.6], ['horizontal', 'vertical']), ([0.5, 0.1],), (0.5, 'up')):
        with pytest.raises(ValueError):
            RandomFlip(*args)


def test_grayscale():
    img = sample()['img']
    gray = RandomGrayscale(1.0, channel_weights=(1, 2, 1))({'img': img.copy()})['img']
    expected = (img * np.array([0.25, 0.5, 0.25])).sum(axis=2)
    assert gray.dtype == np.uint8 and np.abs(gray - expected).max() < 1
    assert RandomGrayscale(1.0, keep_channels=True)({'img': img.copy()})['img'].shape == img.shape
    assert RandomGrayscale(0.0)({'img': img})['img'] is img


def test_normalize():
    out = Normalize([1, 2, 3], [4, 5, 6])(sample())
    assert out['img'].dtype == np.float32 and out['img_norm_cfg']['to_rgb'] is True


def test_test_time_aug_gives_all_combinations():
    tta = TestTimeAug([
        [{'type': 'Resize', 'scale_factor': f} for f in (0.5, 1.0, 2.0)],
        [{'type': 'RandomFlip', 'prob': p} for p in (0.0, 1.0)],
    ])  # fmt: skip
    data = sample()
    out = tta(data)
    assert [img.shape[0] for img in out['img']] == [20, 20, 40, 40, 80, 80]
    assert out['flip'] == [False, True] * 3
    assert data['img'].shape == (40, 60, 3)
    with pytest.raises(TypeError, match='alternatives'):
        TestTimeAug([{'type': 'Resize', 'scale': 3}])


def test_multi_scale_flip_aug():
    def pack(results):
        return {'inputs': results['img'].shape[:2], 'data_sample': results['flip_direction']}

    out = MultiScaleFlipAug([pack], scales=[(30, 20), (60, 40)], allow_flip=True)(sample())
    assert out == {
        'inputs': [(20, 30), (20, 30), (40, 60), (40, 60)],
        'data_sample': [None, 'horizontal'] * 2,
    }
    assert len(MultiScaleFlipAug([pack], scale_factor=0.5)(sample())['inputs']) == 1
    with pytest.raises(ValueError, match='only one'):
        MultiScaleFlipAug([pack], scales=(1, 1), scale_factor=1.0)


def test_to_tensor():
    assert to_tensor(3).tolist() == [3] and to_tensor(3).dtype == torch.int64
    assert to_tensor(1.5).dtype == torch.float32
    array = np.zeros(3)
    to_tensor(array)[0] = 1
    assert array[0] == 1
    with pytest.raises(TypeError, match='str'):
        to_tensor('abc')
    out = ToTensor(['a.b', 'c'])({'a': {'b': [1, 2]}, 'c': 1})
    assert out['a']['b'].tolist() == [1, 2] and out['c'].tolist() == [1]
    data = sample()
    out = ImageToTensor(['img', 'gt_seg_map'])(data)
    assert out['img'].shape == (3, 40, 60) and out['img'].is_contiguous() and out['gt_seg_map'].shape == (1, 40, 60)
