import io

import cv2
import numpy as np
import pytest
from PIL import Image

import mmcv

RNG = np.random.default_rng(0)
BGR = RNG.integers(0, 256, (8, 10, 3), dtype=np.uint8)


def encoded(image: Image.Image, fmt: str = 'PNG', **kwargs) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, fmt, **kwargs)
    return buffer.getvalue()


PNG = encoded(Image.fromarray(BGR[..., ::-1]))


@pytest.mark.parametrize('backend', ['cv2', 'pillow', 'turbojpeg'])
def test_colour_and_order(backend):
    np.testing.assert_array_equal(mmcv.imfrombytes(PNG, backend=backend), BGR)
    for flag in ('color', 'color_ignore_orientation'):
        rgb = mmcv.imfrombytes(PNG, flag, channel_order='rgb', backend=backend)
        np.testing.assert_array_equal(rgb, BGR[..., ::-1])
    assert mmcv.imfrombytes(PNG, 'grayscale', backend=backend).shape == (8, 10)
    np.testing.assert_array_equal(mmcv.imfrombytes(PNG, 'unchanged', backend=backend), BGR)
    np.testing.assert_array_equal(mmcv.imfrombytes(PNG, cv2.IMREAD_COLOR, backend=backend), BGR)


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_orientation_is_applied_unless_ignored(backend):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    content = encoded(Image.fromarray(BGR), 'JPEG', exif=exif)
    assert mmcv.imfrombytes(content, backend=backend).shape == (10, 8, 3)
    assert mmcv.imfrombytes(content, 'color_ignore_orientation', backend=backend).shape == (8, 10, 3)


def test_pillow_keeps_the_indices_of_a_palette():
    indices = RNG.integers(0, 4, (8, 10), dtype=np.uint8)
    image = Image.fromarray(indices).convert('P')
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    read = mmcv.imfrombytes(encoded(image), 'unchanged', backend='pillow')
    np.testing.assert_array_equal(read, indices)


def test_transparent_grey_lies_on_a_grey_canvas():
    transparent = Image.new('LA', (3, 2), (0, 0))
    assert mmcv.imfrombytes(encoded(transparent), backend='pillow')[0, 0].tolist() == [104, 117, 124]


@pytest.mark.parametrize('content', [b'', b'no image'])
def test_content_that_is_no_image_is_none(content):
    assert mmcv.imfrombytes(content, channel_order='rgb') is None


def test_unknown_names():
    with pytest.raises(ValueError, match='nope'):
        mmcv.use_backend('nope')
    with pytest.raises(ValueError, match='nope'):
        mmcv.imfrombytes(PNG, 'nope')
    with pytest.raises(ValueError, match='bgra'):
        mmcv.imfrombytes(PNG, channel_order='bgra')
    with pytest.raises(TypeError, match='int'):
        mmcv.imread(3)


def test_write_makes_folders_and_read_gives_the_same(tmp_path):
    path = tmp_path / 'a' / 'b.png'
    assert mmcv.imwrite(BGR, str(path))
    np.testing.assert_array_equal(mmcv.imread(path), BGR)
    np.testing.assert_array_equal(mmcv.imread(str(path), backend_args={'backend': 'local'}), BGR)
    np.testing.assert_array_equal(mmcv.imread(path, file_client_args={'backend': 'disk'}), BGR)
    assert mmcv.imread(BGR) is BGR
    with pytest.raises(ValueError, match='file_client_args'):
        mmcv.imread(path, file_client_args={'backend': 'disk'}, backend_args={'backend': 'local'})
    with pytest.raises(FileNotFoundError):
        mmcv.imread(tmp_path / 'absent.png')
