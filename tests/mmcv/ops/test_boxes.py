from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcv.ops import RoIAlign, batched_nms, nms, point_sample, rel_roi_point_to_rel_img_point, roi_align
from mmcv.ops.nms import _overlaps
from mmcv.ops.polygons import greedy_nms


def random_boxes(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.randint(0, 12, (n, 2), generator=generator).float()
    size = torch.randint(0, 8, (n, 2), generator=generator).float()
    return torch.cat([corner, corner + size], 1), torch.rand(n, generator=generator)


def slow_nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float, offset: int) -> list[int]:
    kept: list[int] = []
    for i in scores.argsort(descending=True, stable=True).tolist():
        for j in kept:
            w = max(0.0, float(min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0]) + offset))
            h = max(0.0, float(min(boxes[i, 3], boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1]) + offset))
            area = sum(float((b[2] - b[0] + offset) * (b[3] - b[1] + offset)) for b in (boxes[i], boxes[j])) - w * h
            if area > 0 and np.float32(w * h) / np.float32(area) > np.float32(threshold):
                break
        else:
            kept.append(i)
    return kept


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(0, 30),
    seed=st.integers(0, 10**6),
    threshold=st.sampled_from([0.1, 0.3, 0.5, 0.7]),
    offset=st.sampled_from([0, 1]),
)
def test_nms_is_greedy(n: int, seed: int, threshold: float, offset: int) -> None:
    boxes, scores = random_boxes(n, seed)
    dets, inds = nms(boxes, scores, threshold, offset)
    assert inds.tolist() == slow_nms(boxes, scores, threshold, offset)
    assert torch.equal(dets, torch.cat([boxes[inds], scores[inds, None]], 1))


def test_nms_in_blocks() -> None:
    boxes, scores = random_boxes(200, 0)

    def close(i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
        return _overlaps(boxes[i], boxes[j], 0) > 0.3

    assert torch.equal(greedy_nms(scores, close, block_size=7), greedy_nms(scores, close))


def test_nms_options() -> None:
    boxes, scores = random_boxes(20, 1)
    dets, inds = nms(boxes.numpy(), scores.numpy(), 0.5, max_num=3)
    assert (
        isinstance(dets, np.ndarray)
        and dets.shape == (3, 5)
        and inds.tolist() == nms(boxes, scores, 0.5)[1][:3].tolist()
    )
    dets, _ = nms(boxes, scores, 0.5, score_threshold=0.6)
    assert len(dets) and (dets[:, 4] > 0.6).all()
    with pytest.raises(ValueError, match=r'\(20, 4\)'):
        nms(boxes, scores[:-1], 0.5)
    with pytest.raises(ValueError, match='offset'):
        nms(boxes, scores, 0.5, offset=2)


def test_batched_nms_keeps_classes_apart() -> None:
    boxes, scores = random_boxes(40, 2)
    classes = torch.arange(40) % 3
    cfg = {'type': 'nms', 'iou_threshold': 0.3, 'split_thr': 10}
    dets, keep = batched_nms(boxes, scores, classes, cfg)
    expected: list[int] = []
    for c in range(3):
        of_class = (classes == c).nonzero()[:, 0]
        expected += of_class[slow_nms(boxes[of_class], scores[of_class], 0.3, 0)].tolist()
    expected.sort(key=lambda i: -float(scores[i]))
    assert keep.tolist() == expected
    assert torch.equal(dets, torch.cat([boxes[keep], scores[keep, None]], 1))
    assert cfg == {'type': 'nms', 'iou_threshold': 0.3, 'split_thr': 10}
    for agnostic in (
        batched_nms(boxes, scores, classes, cfg, class_agnostic=True),
        batched_nms(boxes, scores, classes, {**cfg, 'class_agnostic': True}),
    ):
        assert agnostic[1].tolist() == slow_nms(boxes, scores, 0.3, 0)
    dets, order = batched_nms(boxes, scores, classes, None)
    assert torch.equal(order, scores.argsort(descending=True)) and dets.shape == (40, 5)
    assert len(batched_nms(boxes, scores, classes, {**cfg, 'max_num': 4})[1]) == 4
    with pytest.raises(ValueError, match='soft_nms'):
        batched_nms(boxes, scores, classes, {'type': 'soft_nms'})


def slow_roi_align(
    x: torch.Tensor, roi: torch.Tensor, out: tuple[int, int], scale: float, ratio: int, mode: str, aligned: bool
) -> torch.Tensor:
    """One box, one sample after another."""
    image = x[int(roi[0])]
    _, h, w = image.shape
    shift = 0.5 if aligned else 0.0
    x1, y1, x2, y2 = (float(v) * scale - shift for v in roi[1:])
    rw, rh = x2 - x1, y2 - y1
    if not aligned:
        rw, rh = max(rw, 1.0), max(rh, 1.0)
    sy, sx = (ratio, ratio) if ratio else (math.ceil(rh / out[0]), math.ceil(rw / out[1]))
    result = torch.zeros(image.shape[0], *out, dtype=x.dtype)
    for i in range(out[0]):
        for j in range(out[1]):
            samples = []
            for a in range(sy):
                for b in range(sx):
                    py = y1 + rh / out[0] * (i + (a + 0.5) / sy)
                    px = x1 + rw / out[1] * (j + (b + 0.5) / sx)
                    if py < -1 or py > h or px < -1 or px > w:
                        samples.append(torch.zeros(image.shape[0], dtype=x.dtype))
                        continue
                    py, px = min(max(py, 0), h - 1), min(max(px, 0), w - 1)
                    ly, lx = int(py), int(px)
                    hy, hx = min(ly + 1, h - 1), min(lx + 1, w - 1)
                    dy, dx = py - ly, px - lx
                    samples.append(
                        image[:, ly, lx] * (1 - dy) * (1 - dx)
                        + image[:, ly, hx] * (1 - dy) * dx
                        + image[:, hy, lx] * dy * (1 - dx)
                        + image[:, hy, hx] * dy * dx
                    )
            if samples:
                stacked = torch.stack(samples)
                result[:, i, j] = stacked.mean(0) if mode == 'avg' else stacked.max(0)[0]
    return result


ROIS = torch.tensor(
    [[0, 1.0, 2.0, 9.0, 7.0], [1, -3.0, -4.0, 5.5, 20.0], [1, 4.2, 3.1, 4.4, 3.2], [0, 0.0, 0.0, 14.0, 12.0]],
    dtype=torch.float64,
)


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('mode', ['avg', 'max'])
@pytest.mark.parametrize('ratio', [0, 2])
def test_roi_align_is_the_definition(aligned: bool, mode: str, ratio: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules['mmcv.ops.roi_align'], '_CHUNK', 64)
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    layer = RoIAlign((2, 3), spatial_scale=0.5, sampling_ratio=ratio, pool_mode=mode, aligned=aligned)
    expected = torch.stack([slow_roi_align(x, roi, (2, 3), 0.5, ratio, mode, aligned) for roi in ROIS])
    torch.testing.assert_close(layer(x, ROIS), expected)


def test_roi_align_gradients_and_edges() -> None:
    x = torch.randn(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda y: roi_align(y, ROIS, 2, 0.4, 2), x)
    assert roi_align(x, ROIS[:0], 2).shape == (0, 2, 2, 2)
    empty = torch.tensor([[0, 2.0, 2.0, 2.0, 1.0]])
    assert not roi_align(x, empty, 2).any()
    with pytest.raises(ValueError, match=r'\(4, 4\)'):
        roi_align(x, ROIS[:, 1:], 2)
    with pytest.raises(ValueError, match='pool_mode'):
        roi_align(x, ROIS, 2, pool_mode='sum')


@pytest.mark.parametrize('kwargs', [{}, {'padding_mode': 'border'}])
def test_point_sample_interpolates(kwargs: dict[str, Any]) -> None:
    h, w = 4, 6
    image = torch.arange(w).float().add(0.5).div(w).expand(1, 1, h, w)  # the value is x
    points = torch.tensor([[[0.25, 0.5], [0.5, 0.25], [0.75, 0.6]]])
    out = point_sample(image, points, **kwargs)
    torch.testing.assert_close(out, points[None, ..., 0])
    torch.testing.assert_close(point_sample(image, points[:, None]), points[None, None, ..., 0].flatten(0, 1)[:, None])


def test_points_of_boxes_in_the_image() -> None:
    rois = torch.tensor([[0.0, 2.0, 4.0, 10.0, 8.0]])
    points = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [0.5, 0.25]]])
    expected = torch.tensor([[[2.0, 4.0], [10.0, 8.0], [6.0, 5.0]]]) / torch.tensor([20.0, 10.0])
    for img in ((10, 20), torch.zeros(1, 1, 10, 20)):
        torch.testing.assert_close(rel_roi_point_to_rel_img_point(rois, points, img), expected)
        torch.testing.assert_close(rel_roi_point_to_rel_img_point(rois[:, 1:], points, img, 0.5), expected / 2)
