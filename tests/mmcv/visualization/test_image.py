"""Colours, boxes on images, windows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import mmcv
from mmengine.utils.errors import MissingDependencyError


def test_colours() -> None:
    assert mmcv.color_val('red') == mmcv.color_val(mmcv.Color.red) == (0, 0, 255)
    assert mmcv.color_val((1, 2, 3)) == mmcv.color_val(np.array([1, 2, 3])) == (1, 2, 3)
    assert mmcv.color_val(7) == (7, 7, 7)
    for wrong, error in (
        ((1, 2), ValueError),
        ((256, 0, 0), ValueError),
        (1.5, TypeError),
        ('none', KeyError),
        (np.ones((1, 3)), ValueError),
    ):
        with pytest.raises(error):
            mmcv.color_val(wrong)  # type: ignore[arg-type]


def test_boxes(tmp_path: Path) -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    a, b = np.array([[1, 2, 8, 9], [3, 3, 5, 5]]), np.array([[10.0, 10.0, 15.0, 18.0]])
    out = mmcv.imshow_bboxes(image, [a, b], ['green', (1, 2, 3)], top_k=1, show=False, out_file=str(tmp_path / 'o.png'))
    assert not image.any()
    assert out[2, 1].tolist() == out[9, 8].tolist() == [0, 255, 0]
    assert out[18, 15].tolist() == [1, 2, 3]
    assert not out[3:8, 3:8].any()
    assert np.array_equal(mmcv.imread(str(tmp_path / 'o.png')), out)
    with pytest.raises(ValueError, match='a colour for each'):
        mmcv.imshow_bboxes(image, [a, b], ['green'], show=False)


def test_detections() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    boxes, labels = np.array([[5, 30, 20, 50, 0.9], [30, 30, 50, 50, 0.2]]), np.array([0, 1])
    out = mmcv.imshow_det_bboxes(image, boxes, labels, ['a', 'b'], 0.5, bbox_color='blue', text_color='red', show=False)
    assert out[50, 20].tolist() == [255, 0, 0]
    assert out[15:29, 5:, 2].any()  # text above the box
    assert not out[30:, 30:].any()
    assert mmcv.imshow_det_bboxes(image, boxes[:, :4], labels, show=False)[50, 50].any()
    with pytest.raises(ValueError, match='scores'):
        mmcv.imshow_det_bboxes(image, boxes[:, :4], labels, score_thr=0.5, show=False)
    with pytest.raises(ValueError, match='labels'):
        mmcv.imshow_det_bboxes(image, boxes, labels[:1], show=False)


def test_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    shown, keys = [], iter([-1, -1, 13, 13])
    monkeypatch.setattr(cv2, 'imshow', lambda name, img: shown.append((name, img.shape)))
    monkeypatch.setattr(cv2, 'waitKey', lambda ms: next(keys))
    monkeypatch.setattr(cv2, 'getWindowProperty', lambda name, prop: 1.0)
    mmcv.imshow(image, 'w')
    mmcv.imshow_bboxes(image, np.zeros((0, 4)), win_name='v', wait_time=5)
    assert shown == [('w', (4, 4, 3)), ('v', (4, 4, 3))]
    assert list(keys) == []

    def absent(*args: object) -> None:
        raise cv2.error('not implemented')

    monkeypatch.setattr(cv2, 'imshow', absent)
    with pytest.raises(MissingDependencyError, match='out_file'):
        mmcv.imshow(image)
