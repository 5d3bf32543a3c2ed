"""Rotated boxes, quadrilaterals and hulls, against OpenCV and slow definitions."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcv.ops import (
    RoIAlignRotated,
    box_iou_quadri,
    box_iou_rotated,
    convex_giou,
    convex_iou,
    diff_iou_rotated_2d,
    diff_iou_rotated_3d,
    min_area_polygons,
    nms,
    nms_match,
    nms_quadri,
    nms_rotated,
    points_in_polygons,
    roi_align,
    roi_align_rotated,
)
from mmcv.ops.diff_iou_rotated import box2corners, oriented_box_intersection_2d
from mmcv.ops.polygons import convex_hull, polygon_area


def random_rotated(n: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(n, 5, generator=generator)
    return values * torch.tensor([10.0, 10, 6, 6, 2 * math.pi]) + torch.tensor([0, 0, 0.5, 0.5, -math.pi])


def by_opencv(a: torch.Tensor, b: torch.Tensor) -> float:
    boxes = [((x, y), (w, h), math.degrees(t)) for x, y, w, h, t in (a.tolist(), b.tolist())]
    corners = cv2.rotatedRectangleIntersection(*boxes)[1]
    if corners is None:
        return 0.0
    return cv2.contourArea(cv2.convexHull(corners))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_iou_of_rotated_boxes(seed: int) -> None:
    a, b = random_rotated(6, seed), random_rotated(5, seed + 1)
    inter = torch.tensor([[by_opencv(x, y) for y in b] for x in a])
    area_a, area_b = a[:, 2] * a[:, 3], b[:, 2] * b[:, 3]
    iou = box_iou_rotated(a, b)
    assert torch.allclose(iou, inter / (area_a[:, None] + area_b - inter), atol=1e-3)
    assert torch.allclose(box_iou_rotated(a, b, mode='iof'), inter / area_a[:, None], atol=2e-3)
    assert torch.allclose(box_iou_rotated(a[:5], b, aligned=True), iou[:5].diagonal())
    assert torch.allclose(iou, box_iou_rotated(b, a).T, atol=1e-6)
    mirrored = [boxes * torch.tensor([1, 1, 1, 1, -1.0]) for boxes in (a, b)]
    assert torch.equal(box_iou_rotated(*mirrored, clockwise=False), iou)
    assert torch.allclose(box_iou_quadri(box2corners(a).flatten(1), box2corners(b).flatten(1)), iou, atol=1e-5)
    flipped = box2corners(b).flip(1).flatten(1)  # corners the other way round
    assert torch.allclose(box_iou_quadri(box2corners(a).flatten(1), flipped), iou, atol=1e-5)


def test_iou_of_boxes_that_touch_or_coincide() -> None:
    box = torch.tensor([[3.0, 4, 2, 6, 0.3]])
    turned = box + torch.tensor([0, 0, 0, 0, math.pi])
    side = torch.tensor([[3.0, 4, 6, 2, 0.3 + math.pi / 2]])
    beside = box + torch.tensor([2 * math.cos(0.3), 2 * math.sin(0.3), 0, 0, 0])
    inner = torch.tensor([[3.0, 4, 1, 3, 0.3]])
    none = torch.tensor([[3.0, 4, 0, 0, 0.3]])
    iou = box_iou_rotated(box, torch.cat([box, turned, side, beside, inner, none]))[0]
    assert torch.allclose(iou, torch.tensor([1, 1, 1, 0, 0.25, 0]), atol=1e-5)
    assert box_iou_rotated(box[:0], box).shape == (0, 1)
    assert box_iou_rotated(none, none).tolist() == [[0]]
    with pytest.raises(ValueError, match='mode'):
        box_iou_rotated(box, box, mode='giou')
    with pytest.raises(ValueError, match=r'\(N, 5\)'):
        box_iou_rotated(box[:, :4], box)
    with pytest.raises(ValueError, match='aligned'):
        box_iou_rotated(box, box[:0], aligned=True)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), threshold=st.sampled_from([0.05, 0.3]), labelled=st.booleans())
def test_nms_of_rotated_boxes_is_greedy(seed: int, threshold: float, labelled: bool) -> None:
    boxes, scores = random_rotated(25, seed), torch.rand(25, generator=torch.Generator().manual_seed(seed))
    labels = torch.arange(25) % 2 if labelled else None
    iou = box_iou_rotated(boxes, boxes)
    kept: list[int] = []
    for i in scores.argsort(descending=True).tolist():
        if not any(iou[i, j] > threshold and (labels is None or labels[i] == labels[j]) for j in kept):
            kept.append(i)
    dets, keep = nms_rotated(boxes, scores, threshold, labels)
    assert keep is not None
    assert keep.tolist() == kept
    assert torch.equal(dets, torch.cat([boxes[kept], scores[kept, None]], 1))
    quads, keep_quads = nms_quadri(box2corners(boxes).flatten(1), scores, threshold, labels)
    assert keep_quads is not None
    assert keep_quads.tolist() == kept
    assert quads.shape == (len(kept), 9)


def test_nms_without_boxes() -> None:
    for function, width in ((nms_rotated, 5), (nms_quadri, 8)):
        dets, keep = function(torch.zeros(0, width), torch.zeros(0), 0.5)
        assert dets.shape == (0, width)
        assert keep is None


def test_nms_match_says_which_box_removes_which() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30], [2, 0, 12, 10], [20, 20, 30, 31]])
    scores = torch.tensor([0.5, 0.9, 0.3, 0.4, 0.8])
    dets = torch.cat([boxes, scores[:, None]], 1)
    groups = nms_match(dets, 0.5)
    assert [g.tolist() for g in groups] == [[1, 0, 3], [4, 2]]
    assert [int(g[0]) for g in groups] == nms(boxes, scores, 0.5)[1].tolist()
    arrays = nms_match(dets.numpy(), 0.5)
    assert isinstance(arrays[0], np.ndarray)
    assert arrays[0].tolist() == [1, 0, 3]
    assert nms_match(dets[:0], 0.5) == []
    with pytest.raises(ValueError, match=r'\(N, 5\)'):
        nms_match(boxes, 0.5)


def test_differentiable_iou() -> None:
    a, b = (random_rotated(4, seed).double()[None] for seed in (0, 1))
    a[..., :2] = b[..., :2] + 0.3  # so that all overlap
    expected = box_iou_rotated(a[0], b[0], aligned=True)
    assert torch.allclose(diff_iou_rotated_2d(a, b)[0], expected)
    assert torch.autograd.gradcheck(diff_iou_rotated_2d, (a.requires_grad_(), b.requires_grad_()))
    areas, corners = oriented_box_intersection_2d(box2corners(a), box2corners(b))
    assert torch.allclose(polygon_area(corners), areas)


def test_iou_of_boxes_in_space() -> None:
    a, b = (random_rotated(4, seed).double() for seed in (0, 1))
    a[..., :2] = b[..., :2]

    def lift(box: torch.Tensor, z: float, height: float) -> torch.Tensor:
        extra = box.new_tensor([z, height]).expand(len(box), 2)
        return torch.cat([box[:, :2], extra[:, :1], box[:, 2:4], extra[:, 1:], box[:, 4:]], 1)[None]

    flat = box_iou_rotated(a, b, aligned=True)
    area_a, area_b = a[:, 2] * a[:, 3], b[:, 2] * b[:, 3]
    inter = flat * (area_a + area_b) / (1 + flat) * 1.5
    expected = inter / (2 * area_a + 3 * area_b - inter)
    boxes = lift(a, 0.0, 2.0), lift(b, 1.0, 3.0)
    assert torch.allclose(diff_iou_rotated_3d(*boxes)[0], expected)
    assert torch.autograd.gradcheck(diff_iou_rotated_3d, tuple(box.requires_grad_() for box in boxes))
    assert not diff_iou_rotated_3d(lift(a, 0.0, 1.0), lift(a, 2.0, 1.0)).any()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), grid=st.booleans())
def test_hulls(seed: int, grid: bool) -> None:
    generator = np.random.default_rng(seed)
    points = generator.integers(0, 4, (3, 9, 2)).astype(np.float32) if grid else generator.random((3, 9, 2), np.float32)
    hulls = convex_hull(torch.from_numpy(points).double())
    for hull, given_points in zip(hulls, points, strict=True):
        area = cv2.contourArea(cv2.convexHull(given_points))
        assert float(polygon_area(hull)) == pytest.approx(area, abs=1e-5)
        rectangle = min_area_polygons(torch.from_numpy(given_points).view(1, 18)).view(4, 2)
        (_, size, _) = cv2.minAreaRect(given_points)
        assert float(polygon_area(rectangle).abs()) == pytest.approx(size[0] * size[1], abs=1e-3)
        mean = rectangle.mean(0)
        grown = (rectangle - mean) * 1.001 + mean + 1e-4 * (rectangle - mean).sign()
        if size[0] * size[1] > 0.1:
            assert points_in_polygons(torch.from_numpy(given_points), grown.view(1, 8)).all()


def test_convex_iou_and_giou() -> None:
    generator = torch.Generator().manual_seed(0)
    sets = torch.rand(3, 18, generator=generator).double() * 4
    quads = box2corners(random_rotated(3, 1).double() * 0.3 + 1).flatten(1)
    iou = convex_iou(sets, quads)
    assert iou.shape == (3, 3)
    giou, grad = convex_giou(sets, quads)
    for i in range(3):
        hull = cv2.convexHull(sets[i].view(9, 2).float().numpy())
        quad = cv2.convexHull(quads[i].view(4, 2).float().numpy())
        inter = cv2.intersectConvexConvex(hull, quad)[0]
        union = cv2.contourArea(hull) + cv2.contourArea(quad) - inter
        both = cv2.contourArea(cv2.convexHull(np.concatenate([hull, quad])))
        assert float(iou[i, i]) == pytest.approx(inter / union, abs=1e-4)
        assert float(giou[i]) == pytest.approx(inter / union - (both - union) / both, abs=1e-4)
    step = torch.zeros_like(sets)
    step[:, 4] = 1e-6
    numeric = (convex_giou(sets + step, quads)[0] - convex_giou(sets - step, quads)[0]) / 2e-6
    assert torch.allclose(grad[:, 4], numeric, atol=1e-6)
    assert convex_giou(sets[:0], quads[:0])[1].shape == (0, 18)


def test_points_in_polygons() -> None:
    arrow = torch.tensor([[0.0, 0, 4, 0, 4, 4, 3, 1]])  # not convex
    points = torch.tensor([[3.5, 1.0], [1.0, 1.0], [2.0, 0.5], [5.0, 1.0], [-1.0, 0.1]])
    assert points_in_polygons(points, arrow).tolist() == [[1], [0], [1], [0], [0]]
    with pytest.raises(ValueError, match=r'\(M, 8\)'):
        points_in_polygons(points, arrow[:, :6])


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('ratio', [0, 2])
def test_roi_align_of_turned_boxes(aligned: bool, ratio: int) -> None:
    torch.manual_seed(0)
    image = torch.randn(2, 3, 12, 12, dtype=torch.float64)
    straight = torch.tensor([[0, 2.0, 3, 12, 9], [1, 4.0, 4, 18, 22], [0, 5.0, 5, 5, 5]], dtype=torch.float64)
    x1, y1, x2, y2 = straight[:, 1:].T
    angle = torch.zeros(3)
    boxes = torch.stack([straight[:, 0], (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, angle], 1)
    expected = roi_align(image, straight, (2, 3), 0.5, ratio, 'avg', aligned)
    found = roi_align_rotated(image, boxes, (2, 3), 0.5, ratio, aligned)
    # A box without extent has its centre elsewhere once it is widened to a pixel.
    assert torch.allclose(found[:2], expected[:2])
    # A quarter turn clockwise of the box is one of the image the other way round.
    quarter = boxes[1:2].clone()
    quarter[:, 5] = math.pi / 2
    quarter[:, 1:3] = 11.0 if not aligned else 12.0  # the middle of the image
    turned = roi_align_rotated(image, quarter, (2, 3), 0.5, ratio, aligned, clockwise=True)
    level = quarter.clone()
    level[:, 5] = 0
    rotated = torch.rot90(image, 1, (2, 3))
    assert torch.allclose(turned, roi_align_rotated(rotated, level, (2, 3), 0.5, ratio, aligned), atol=1e-9)
    other_way = quarter.clone()
    other_way[:, 5] *= -1
    assert torch.allclose(turned, RoIAlignRotated((2, 3), 0.5, ratio, aligned)(image, other_way))


def test_gradients_of_rotated_roi_align() -> None:
    image = torch.randn(1, 2, 6, 6, dtype=torch.float64, requires_grad=True)
    boxes = torch.tensor([[0, 3.0, 3, 4, 3, 0.4], [0, 6.0, 0, 4, 3, -1.4]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: roi_align_rotated(x, boxes, 2, 1.0, 2), image)
    assert roi_align_rotated(image, boxes[:0], 2, 1.0).shape == (0, 2, 2, 2)
    assert 'clockwise=False' in repr(RoIAlignRotated(2, 1.0))
    with pytest.raises(ValueError, match=r'\(K, 6\)'):
        roi_align_rotated(image, boxes[:, :5], 2, 1.0)
