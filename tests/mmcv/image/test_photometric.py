import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

import mmcv

RNG = np.random.default_rng(0)
IMG = RNG.integers(40, 160, (12, 15, 3), dtype=np.uint8)
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


@pytest.mark.parametrize('to_rgb', [True, False])
def test_normalisation_and_its_inverse(to_rgb):
    normalised = mmcv.imnormalize(IMG, MEAN, STD, to_rgb)
    assert normalised.dtype == np.float32
    channels = IMG[..., ::-1] if to_rgb else IMG
    np.testing.assert_allclose(normalised, (channels - np.array(MEAN)) / np.array(STD), atol=1e-5)
    np.testing.assert_allclose(mmcv.imdenormalize(normalised, MEAN, STD, to_rgb), IMG, atol=1e-3)


def test_normalisation_in_place():
    floating = IMG.astype(np.float32)
    assert mmcv.imnormalize_(floating, MEAN, STD) is floating
    np.testing.assert_array_equal(floating, mmcv.imnormalize(IMG, MEAN, STD))
    with pytest.raises(TypeError, match='uint8'):
        mmcv.imnormalize_(IMG.copy(), MEAN, STD)


def test_normalisation_of_many_channels():
    bands = RNG.random((4, 5, 6), dtype=np.float32)
    mean, std = np.arange(6.0), np.arange(1.0, 7)
    np.testing.assert_allclose(mmcv.imnormalize(bands, mean, std, to_rgb=False), (bands - mean) / std, rtol=1e-5)


def test_simple_maps():
    assert (mmcv.iminvert(IMG) == 255 - IMG).all()
    assert (mmcv.solarize(IMG, 100) == np.where(IMG < 100, IMG, 255 - IMG)).all()
    assert (mmcv.posterize(IMG, 3) == IMG // 32 * 32).all()
    table = RNG.permutation(256).astype(np.uint8)
    assert (mmcv.lut_transform(IMG, table) == table[IMG]).all()
    with pytest.raises(ValueError, match='255'):
        mmcv.lut_transform(IMG.astype(int) * 3, table)
    with pytest.raises(ValueError, match='clahe takes|shape'):
        mmcv.clahe(IMG)
    assert mmcv.clahe(IMG[..., 0]).std() > IMG[..., 0].std()


def pillow(img, operation):
    return np.array(operation(Image.fromarray(img[..., ::-1])))[..., ::-1]


def test_equalize_and_autocontrast_are_those_of_pillow():
    np.testing.assert_array_equal(mmcv.imequalize(IMG), pillow(IMG, ImageOps.equalize))
    for cutoff in (0, 10, (5, 20)):
        expected = pillow(IMG, lambda image, c=cutoff: ImageOps.autocontrast(image, cutoff=c))
        assert np.abs(mmcv.auto_contrast(IMG, cutoff).astype(int) - expected).max() <= 1
    flat = np.full_like(IMG, 3)
    np.testing.assert_array_equal(mmcv.auto_contrast(flat), flat)
    np.testing.assert_array_equal(mmcv.imequalize(flat), flat)


@pytest.mark.parametrize('factor', [0, 0.5, 1, 1.7])
@pytest.mark.parametrize(
    ('adjust', 'enhancer'),
    [('adjust_brightness', ImageEnhance.Brightness), ('adjust_contrast', ImageEnhance.Contrast),
     ('adjust_color', ImageEnhance.Color)],
)  # fmt: skip
def test_enhancement_agrees_between_backends(adjust, enhancer, factor):
    with_pillow = getattr(mmcv, adjust)(IMG, factor, backend='pillow')
    np.testing.assert_array_equal(with_pillow, pillow(IMG, lambda image: enhancer(image).enhance(factor)))
    with_cv2 = getattr(mmcv, adjust)(IMG, factor)
    assert np.abs(with_cv2.astype(int) - with_pillow).max() <= 2


def test_sharpness_leaves_flat_areas_alone():
    flat = np.full((6, 6, 3), 50, np.uint8)
    np.testing.assert_array_equal(mmcv.adjust_sharpness(flat, 2.0), flat)
    np.testing.assert_array_equal(mmcv.adjust_sharpness(IMG, 1.0), IMG)
    with pytest.raises(ValueError, match='dimensions'):
        mmcv.adjust_sharpness(IMG, 1.0, np.ones(3))


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_a_third_of_a_turn_makes_red_green(backend):
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 2] = 255
    turned = mmcv.adjust_hue(red, 1 / 3, backend)
    assert turned[0, 0, 1] == 255 and turned[0, 0, 2] < 5
    back = mmcv.adjust_hue(turned, -1 / 3, backend)
    assert np.abs(back.astype(int) - red).max() < 10
    with pytest.raises(ValueError, match='0.7'):
        mmcv.adjust_hue(red, 0.7)


def test_lighting_moves_all_pixels_alike():
    np.random.seed(0)
    shifted = mmcv.adjust_lighting(IMG, [55.0, 4.8, 1.1], np.eye(3), alphastd=1.0, to_rgb=True) - IMG[..., ::-1]
    np.testing.assert_allclose(shifted, np.broadcast_to(shifted[0, 0], IMG.shape), atol=1e-4)
    assert abs(shifted[0, 0]).max() > 1


def test_tensor2imgs_undoes_the_normalisation():
    normalised = mmcv.imnormalize(IMG, MEAN, STD)
    batch = torch.from_numpy(normalised).permute(2, 0, 1)[None].repeat(2, 1, 1, 1)
    images = mmcv.image.tensor2imgs(batch, tuple(MEAN), tuple(STD))
    assert len(images) == 2 and images[0].flags.c_contiguous
    assert np.abs(images[1].astype(int) - IMG).max() <= 1
    with pytest.raises(ValueError, match='channels'):
        mmcv.image.tensor2imgs(torch.zeros(1, 2, 3, 3))
