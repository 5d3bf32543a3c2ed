import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mmcv
from mmcv.image.geometric import _scale_size, bbox_clip, bbox_scaling

RNG = np.random.default_rng(0)
IMG = RNG.integers(0, 256, (12, 17, 3), dtype=np.uint8)


@given(
    st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
)
@settings(deadline=None)
def test_rescaled_size_fits_the_box_and_keeps_the_ratio(size, box):
    (w, h), factor = mmcv.rescale_size(size, box, return_scale=True)
    assert max(w, h) <= max(box) + 0.5 and min(w, h) <= min(box) + 0.5
    assert (w, h) == (int(size[0] * factor + 0.5), int(size[1] * factor + 0.5))


def test_sizes_round_half_up():
    assert _scale_size((5, 3), 0.5) == (3, 2)
    assert _scale_size((5, 3), (2, 0.5)) == (10, 2)
    with pytest.raises(ValueError, match='-1'):
        mmcv.rescale_size((1, 1), -1)
    with pytest.raises(TypeError, match='list'):
        mmcv.rescale_size((1, 1), [1, 2])


def test_resize_gives_the_factors_of_both_sides():
    img, w_scale, h_scale = mmcv.imresize(IMG, (34, 6), return_scale=True)
    assert img.shape == (6, 34, 3) and (w_scale, h_scale) == (2.0, 0.5)
    assert mmcv.imresize_like(IMG, np.zeros((3, 4))).shape == (3, 4, 3)
    small, factor = mmcv.imrescale(IMG, 0.5, return_scale=True)
    assert small.shape == (6, 9, 3) and factor == 0.5


def test_resize_backends():
    for backend in ('cv2', 'pillow'):
        assert mmcv.imresize(IMG, (5, 4), interpolation='lanczos', backend=backend).shape == (4, 5, 3)
    with pytest.raises(ValueError, match='tifffile'):
        mmcv.imresize(IMG, (5, 4), backend='tifffile')
    with pytest.raises(ValueError, match='hamming'):
        mmcv.imresize(IMG, (5, 4), interpolation='hamming')
    with pytest.raises(TypeError, match='float'):
        mmcv.imresize(IMG.astype(float), (5, 4), backend='pillow')


def test_use_backend_reaches_all_modules():
    mmcv.use_backend('pillow')
    try:
        with pytest.raises(TypeError):
            mmcv.imresize(IMG.astype(float), (5, 4))
    finally:
        mmcv.use_backend('cv2')


def test_resize_to_multiple():
    assert mmcv.imresize_to_multiple(IMG, 8, size=20).shape == (24, 24, 3)
    assert mmcv.imresize_to_multiple(IMG, (8, 5), scale_factor=2).shape == (25, 40, 3)
    assert mmcv.imresize_to_multiple(IMG, 8, size=(34, 12), keep_ratio=True).shape == (16, 24, 3)
    for sizes in ({}, {'size': 2, 'scale_factor': 2}):
        with pytest.raises(ValueError, match='exactly one'):
            mmcv.imresize_to_multiple(IMG, 8, **sizes)


@pytest.mark.parametrize(
    'img',
    [IMG, IMG[..., 0], IMG[..., :1], IMG.astype(np.float32), IMG[..., 0] > 9, RNG.random((4, 5, 9)), IMG[:, ::2]],
    ids=lambda a: f'{a.shape}{a.dtype}',
)
@pytest.mark.parametrize(('direction', 'axes'), [('horizontal', 1), ('vertical', 0), ('diagonal', (0, 1))])
def test_flip(img, direction, axes):
    flipped = mmcv.imflip(img, direction)
    np.testing.assert_array_equal(flipped, np.flip(img, axes))
    assert flipped.dtype == img.dtype


def test_flip_in_place():
    img = IMG.copy()
    mmcv.imflip_(img)
    np.testing.assert_array_equal(img, IMG[:, ::-1])
    with pytest.raises(ValueError, match='sideways'):
        mmcv.imflip(img, 'sideways')


def test_rotation_by_a_quarter_is_clockwise():
    square = IMG[:, :12]
    np.testing.assert_array_equal(mmcv.imrotate(square, 90), np.rot90(square, -1))
    assert mmcv.imrotate(IMG, 90, auto_bound=True).shape == (17, 12, 3)
    np.testing.assert_array_equal(mmcv.imrotate(IMG, 90, auto_bound=True), np.rot90(IMG, -1))
    with pytest.raises(ValueError, match='conflicts'):
        mmcv.imrotate(IMG, 90, center=(0, 0), auto_bound=True)


def test_crop_cuts_off_or_fills_what_lies_outside():
    box = np.array([-2, -1, 3, 4])
    assert mmcv.imcrop(IMG, box).shape == (5, 4, 3)
    filled = mmcv.imcrop(IMG, box, pad_fill=[1, 2, 3])
    assert filled.shape == (6, 6, 3)
    assert filled[0, 0].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(filled[1:, 2:], IMG[:5, :4])
    first, second = mmcv.imcrop(IMG[..., 0], np.stack([box, box + 5]), pad_fill=7)
    assert first[0, 0] == 7 and second.shape == (6, 6)
    with pytest.raises(ValueError, match='2 values'):
        mmcv.imcrop(IMG, box, pad_fill=[1, 2])


def test_boxes():
    box = np.array([[2, 2, 5, 5]])
    assert bbox_scaling(box, 2).tolist() == [[0, 0, 7, 7]]
    assert bbox_scaling(box, 1).tolist() == box.tolist()
    assert bbox_clip(np.array([[-1, 3, 99, 99]]), (10, 20)).tolist() == [[0, 3, 19, 9]]


@pytest.mark.parametrize('value', [0, 7, (1, 2, 3), [1, 2, 3]])
def test_pad_fills_every_channel(value):
    padded = mmcv.impad(IMG, shape=(14, 20), pad_val=value)
    assert padded.shape == (14, 20, 3)
    np.testing.assert_array_equal(padded[:12, :17], IMG)
    np.testing.assert_array_equal(padded[-1, -1], np.broadcast_to(value, 3))


def test_pad_by_widths_and_modes():
    padded = mmcv.impad(IMG, padding=(1, 2, 3, 4), padding_mode='edge')
    np.testing.assert_array_equal(padded, np.pad(IMG, ((2, 4), (1, 3), (0, 0)), mode='edge'))
    assert mmcv.impad(IMG, padding=(1, 2)).shape == (16, 19, 3)
    assert mmcv.impad(IMG[..., :1], padding=1).shape == (14, 19, 1)
    many = mmcv.impad(np.ones((3, 3, 12), np.uint8), padding=1, pad_val=5)
    assert many.shape == (5, 5, 12) and (many[0] == 5).all()
    assert mmcv.impad_to_multiple(IMG, 8, 255).shape == (16, 24, 3)


def test_pad_without_need_copies():
    same = mmcv.impad(IMG, shape=(5, 5))
    assert same is not IMG and same.base is None
    np.testing.assert_array_equal(same, IMG)


@pytest.mark.parametrize('kwargs', [{}, {'shape': (1, 1), 'padding': 1}, {'padding': (1, 2, 3)}])
def test_pad_refuses(kwargs):
    with pytest.raises(ValueError, match='padding'):
        mmcv.impad(IMG, **kwargs)
    with pytest.raises(ValueError, match='padding_mode'):
        mmcv.impad(IMG, padding=1, padding_mode='nope')
    with pytest.raises(ValueError, match='2 values'):
        mmcv.impad(IMG, padding=1, pad_val=(1, 2))


def test_cutout_fills_a_rectangle_around_the_drawn_point():
    np.random.seed(0)
    cut = mmcv.cutout(np.full((20, 20, 3), 9, np.uint8), (4, 6), (1, 2, 3))
    changed = (cut != 9).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert changed.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1) <= 4 * 6
    assert cut[changed][0].tolist() == [1, 2, 3]


def test_translate_and_shear():
    moved = mmcv.imtranslate(IMG, 3, border_value=8)
    np.testing.assert_array_equal(moved[:, 3:], IMG[:, :-3])
    assert (moved[:, :3] == 8).all()
    np.testing.assert_array_equal(mmcv.imtranslate(IMG, -2, 'vertical')[:-2], IMG[2:])
    sheared = mmcv.imshear(IMG, 1, 'horizontal')
    for row in range(12):
        np.testing.assert_array_equal(sheared[row, row:], IMG[row, : 17 - row])
    for warp in (mmcv.imshear, mmcv.imtranslate):
        with pytest.raises(ValueError, match='up'):
            warp(IMG, 1, 'up')


def test_opencv_is_one_whose_warps_are_known():
    assert cv2.__version__.startswith('4.')
