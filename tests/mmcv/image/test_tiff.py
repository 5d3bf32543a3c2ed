"""The layout of TIFF files by their header."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcv.image.tiff import TiffLayout, tiff_layout


@pytest.mark.parametrize(('channels', 'expected'), [(1, 1), (3, 3), (4, 4)])
def test_as_written_by_opencv(channels, expected):
    content = cv2.imencode('.tif', np.zeros((4, 5, channels), np.uint16))[1].tobytes()
    assert tiff_layout(content) == TiffLayout(expected, 1)


def test_pages():
    _, content = cv2.imencodemulti('.tif', [np.zeros((4, 5), np.uint8)] * 3)
    layout = tiff_layout(content.tobytes())
    assert layout == TiffLayout(1, 3) and layout.bands == 3


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('big', [False, True])
def test_byte_orders_and_big_files(order, big):
    tifffile = pytest.importorskip('tifffile', reason='tifffile is optional')

    out = io.BytesIO()
    tifffile.imwrite(
        out,
        np.zeros((4, 5, 7), np.uint8),
        photometric='minisblack',
        planarconfig='contig',
        byteorder=order,
        bigtiff=big,
    )
    assert tiff_layout(out.getvalue()) == TiffLayout(7, 1)


@settings(deadline=None)
@given(st.binary(max_size=64), st.sampled_from([b'', b'II*\0', b'MM\0*', b'II+\0\x08\0\0\0']))
def test_other_content_does_no_harm(content, start):
    layout = tiff_layout(start + content)
    assert layout is None or layout.pages >= 1


def test_other_formats():
    assert tiff_layout(cv2.imencode('.png', np.zeros((4, 5), np.uint8))[1].tobytes()) is None
    assert tiff_layout(b'') is None
