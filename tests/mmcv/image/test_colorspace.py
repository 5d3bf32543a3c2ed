import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import mmcv

IMAGES = arrays(np.uint8, st.tuples(st.integers(1, 8), st.integers(1, 8), st.just(3)))


@given(IMAGES)
@settings(deadline=None, max_examples=30)
def test_ycbcr_there_and_back_is_within_rounding(img):
    back = mmcv.ycbcr2bgr(mmcv.bgr2ycbcr(img))
    assert back.dtype == np.uint8
    assert np.abs(back.astype(int) - img).max() <= 3
    np.testing.assert_array_equal(mmcv.bgr2ycbcr(img), mmcv.rgb2ycbcr(img[..., ::-1].copy()))
    np.testing.assert_array_equal(mmcv.bgr2ycbcr(img, y_only=True), mmcv.bgr2ycbcr(img)[..., 0])


def test_ycbcr_of_white_and_black_has_footroom():
    white_black = np.array([[[255, 255, 255], [0, 0, 0]]], np.uint8)
    assert mmcv.bgr2ycbcr(white_black).tolist() == [[[235, 128, 128], [16, 128, 128]]]
    unit = mmcv.rgb2ycbcr(white_black.astype(np.float32) / 255)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit * 255, [[[235, 128, 128], [16, 128, 128]]], atol=1e-3)


def test_ycbcr_refuses_other_types():
    with pytest.raises(TypeError, match='float64'):
        mmcv.bgr2ycbcr(np.zeros((2, 2, 3)))


@pytest.mark.parametrize('name', ['bgr2rgb', 'rgb2bgr', 'bgr2hsv', 'hsv2bgr', 'bgr2hls', 'hls2bgr'])
def test_named_conversions_are_those_of_opencv(name):
    img = np.random.default_rng(0).integers(0, 180, (5, 6, 3), dtype=np.uint8)
    convert = getattr(mmcv, name)
    np.testing.assert_array_equal(convert(img), cv2.cvtColor(img, getattr(cv2, f'COLOR_{name.upper()}')))
    assert convert.__name__ == name


def test_gray_keeps_a_dimension_on_request():
    img = np.zeros((4, 5, 3), np.uint8)
    assert mmcv.bgr2gray(img).shape == (4, 5)
    assert mmcv.rgb2gray(img, keepdim=True).shape == (4, 5, 1)
    assert mmcv.gray2bgr(mmcv.bgr2gray(img, keepdim=True)).shape == (4, 5, 3)


def test_imconvert_names_an_unknown_pair():
    with pytest.raises(ValueError, match="'bgr' to 'nope'"):
        mmcv.imconvert(np.zeros((2, 2, 3), np.uint8), 'bgr', 'nope')
