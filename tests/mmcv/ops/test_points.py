"""Operators on point clouds, against slow definitions."""

from __future__ import annotations

import math

import pytest
import torch

from mmcv.ops import (
    DynamicScatter,
    GroupAll,
    PointsSampler,
    QueryAndGroup,
    assign_score_withk,
    ball_query,
    boxes_iou3d,
    chamfer_distance,
    diff_iou_rotated_3d,
    dynamic_scatter,
    furthest_point_sample,
    furthest_point_sample_with_dist,
    gather_points,
    grouping_operation,
    nms,
    nms3d,
    nms3d_normal,
    nms_rotated,
    points_in_boxes_all,
    points_in_boxes_part,
    three_interpolate,
    three_nn,
)


def cloud(n: int, seed: int) -> torch.Tensor:
    return torch.rand(2, n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_furthest_points() -> None:
    points = cloud(12, 0)
    chosen = furthest_point_sample(points, 5)
    assert chosen.dtype == torch.int32
    for b in range(2):
        taken = [0]
        while len(taken) < 5:
            distance = (points[b, :, None] - points[b, taken]).norm(dim=-1).amin(1)
            taken.append(int(distance.argmax()))
        assert chosen[b].tolist() == taken
    squared = torch.cdist(points, points).square()
    assert torch.equal(furthest_point_sample_with_dist(squared, 5), chosen)


def test_gathering_has_gradients() -> None:
    features = torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True)
    index = torch.tensor([[0, 5, 5], [1, 2, 0]], dtype=torch.int32)
    out = gather_points(features, index)
    assert torch.equal(out[1, :, 1], features[1, :, 2])
    groups = index[:, :, None].repeat(1, 1, 2)
    assert torch.equal(grouping_operation(features, groups)[..., 1], out)
    assert torch.autograd.gradcheck(lambda x: grouping_operation(x, groups), features)


@pytest.mark.parametrize('number', [3, 20])
def test_ball_query(number: int) -> None:
    points, centres = cloud(15, 0), cloud(4, 1)
    centres[0, 0] = points[0, 7]
    centres[1, 1] = 100
    index = ball_query(0.2, 0.6, number, points, centres)
    assert index.shape == (2, 4, number)
    for b in range(2):
        for m in range(4):
            distance = (points[b] - centres[b, m]).norm(dim=-1)
            found = [i for i, d in enumerate(distance) if d == 0 or 0.2 <= d < 0.6][:number]
            found += found[:1] * (number - len(found)) if found else [0] * number
            assert index[b, m].tolist() == found


def test_query_and_group() -> None:
    points, centres = cloud(15, 0), cloud(4, 1)
    features = torch.randn(2, 5, 15, dtype=torch.float64)
    index = ball_query(0, 0.5, 6, points, centres)
    relative = grouping_operation(points.transpose(1, 2), index) - centres.transpose(1, 2)[..., None]
    grouped = grouping_operation(features, index)
    assert torch.equal(QueryAndGroup(0.5, 6)(points, centres, features), torch.cat([relative, grouped], 1))
    assert torch.equal(QueryAndGroup(0.5, 6, use_xyz=False)(points, centres, features), grouped)
    out, xyz, found = QueryAndGroup(0.5, 6, normalize_xyz=True, return_grouped_xyz=True, return_grouped_idx=True)(
        points, centres
    )
    assert torch.allclose(out, relative / 0.5)
    assert torch.equal(out, xyz)
    assert torch.equal(found, index)
    out, count = QueryAndGroup(0.5, 6, uniform_sample=True, return_unique_cnt=True)(points, centres)
    assert count[0, 0] == len(index[0, 0].unique())
    with pytest.raises(ValueError, match='use_xyz'):
        QueryAndGroup(0.5, 6, use_xyz=False)(points, centres)
    with pytest.raises(ValueError, match='uniform_sample'):
        QueryAndGroup(0.5, 6, return_unique_cnt=True)


def test_group_all() -> None:
    points, features = cloud(15, 0), torch.randn(2, 5, 15, dtype=torch.float64)
    out = GroupAll()(points, points, features)
    assert out.shape == (2, 8, 1, 15)
    assert torch.equal(out[:, 3:, 0], features)
    assert GroupAll(use_xyz=False)(points, points, features).shape == (2, 5, 1, 15)
    assert GroupAll()(points, points).shape == (2, 3, 1, 15)


def test_three_neighbours() -> None:
    target, source = cloud(5, 0), cloud(7, 1)
    distance, index = three_nn(target, source)
    every = torch.cdist(target, source)
    assert torch.allclose(distance, every.sort(-1)[0][..., :3])
    assert torch.equal(every.gather(2, index.long()), every.sort(-1)[0][..., :3])
    features = torch.randn(2, 4, 7, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(2, 5, 3, dtype=torch.float64)
    out = three_interpolate(features, index, weight)
    assert torch.allclose(out[1, :, 2], sum(weight[1, 2, k] * features[1, :, index[1, 2, k]] for k in range(3)))
    assert torch.autograd.gradcheck(lambda x: three_interpolate(x, index, weight), features)


def test_chamfer_distance() -> None:
    a, b = cloud(5, 0)[..., :2].requires_grad_(), cloud(7, 1)[..., :2].requires_grad_()
    dist_a, dist_b, index_a, index_b = chamfer_distance(a, b)
    every = torch.cdist(a, b).square()
    assert torch.allclose(dist_a, every.amin(2))
    assert torch.allclose(dist_b, every.amin(1))
    assert torch.equal(every.argmin(2), index_a.long())
    assert torch.equal(every.argmin(1), index_b.long())
    assert torch.autograd.gradcheck(lambda x, y: chamfer_distance(x, y)[:2], (a, b))


def scene(n: int, seed: int) -> torch.Tensor:
    values = torch.rand(n, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values * torch.tensor([3, 3, 3, 2, 2, 2, 6]) + torch.tensor([0, 0, 0, 0.5, 0.5, 0.5, -3])


def test_points_in_boxes() -> None:
    boxes, points = scene(4, 0)[None], torch.rand(1, 200, 3, dtype=torch.float64) * 4
    every = points_in_boxes_all(points, boxes)[0].bool()
    assert every.any() and not every.all()
    for t, (x, y, z, w, l, h, angle) in enumerate(boxes[0].tolist()):
        turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]).double()
        flat = (points[0, :, :2] - torch.tensor([x, y])) @ turn
        inside = (
            (flat.abs() < torch.tensor([w / 2, l / 2])).all(1) & (points[0, :, 2] >= z) & (points[0, :, 2] <= z + h)
        )
        assert torch.equal(every[:, t], inside)
    part = points_in_boxes_part(points, boxes)[0]
    assert part.tolist() == [next((t for t in range(4) if row[t]), -1) for row in every.tolist()]
    assert points_in_boxes_part(points, boxes[:, :0]).unique().tolist() == [-1]
    with pytest.raises(ValueError, match=r'\(B, T, 7\)'):
        points_in_boxes_all(points, boxes[..., :6])


def test_boxes_of_a_scene() -> None:
    a, b = scene(5, 0), scene(5, 1)
    iou = boxes_iou3d(a, b)
    assert torch.allclose(iou.diagonal(), diff_iou_rotated_3d(a[None], b[None])[0])
    assert torch.allclose(boxes_iou3d(a, a).diagonal(), torch.ones(5, dtype=torch.float64))
    boxes, scores = scene(20, 2), torch.rand(20)
    flat = boxes[:, [0, 1, 3, 4, 6]]
    assert torch.equal(nms3d(boxes, scores, 0.2), nms_rotated(flat, scores, 0.2)[1])
    corners = torch.cat([flat[:, :2] - flat[:, 2:4] / 2, flat[:, :2] + flat[:, 2:4] / 2], 1)
    assert torch.equal(nms3d_normal(boxes, scores, 0.2), nms(corners, scores, 0.2)[1])


def test_points_sampler() -> None:
    points, features = cloud(20, 0), torch.randn(2, 4, 20, dtype=torch.float64)
    sampler = PointsSampler([3, 2, 2], ['D-FPS', 'F-FPS', 'FS'], [8, 14, -1])
    index = sampler(points, features)
    assert torch.equal(index[:, :3], furthest_point_sample(points[:, :8], 3))
    both = torch.cat([points, features.transpose(1, 2)], 2)[:, 8:14]
    assert torch.equal(index[:, 3:5], furthest_point_sample_with_dist(torch.cdist(both, both).square(), 2) + 8)
    assert index.shape == (2, 3 + 2 + 4)
    assert torch.equal(index[:, 7:], furthest_point_sample(points[:, 14:], 2) + 14)
    with pytest.raises(ValueError, match='FPS'):
        PointsSampler([1], ['random'])
    with pytest.raises(ValueError, match='equally long'):
        PointsSampler([1, 2])


@pytest.mark.parametrize('mean', [True, False])
def test_points_of_a_voxel_are_joined(mean: bool) -> None:
    points = torch.tensor([[1.0, 5], [3, 4], [7, 7], [9, 9]], dtype=torch.float64, requires_grad=True)
    voxels = torch.tensor([[0, 2, 1], [0, 2, 1], [0, 0, 3], [0, -1, 2]])
    scatter = DynamicScatter([1, 1, 1], [0, 0, 0, 4, 4, 4], mean)
    feats, found = scatter(points, voxels)
    assert found.tolist() == [[0, 0, 3], [0, 2, 1]]
    assert feats.tolist() == [[7, 7], [2, 4.5] if mean else [3, 5]]
    assert torch.autograd.gradcheck(lambda x: scatter(x, voxels)[0], points)
    assert f'average_points={mean}' in repr(scatter)
    assert dynamic_scatter(points, voxels, 'sum')[0].tolist() == [[7, 7], [4, 9]]
    with pytest.raises(ValueError, match='reduce_type'):
        dynamic_scatter(points, voxels, 'min')


def test_scores_put_kernels_together() -> None:
    scores = torch.rand(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    points, centres = torch.rand(2, 6, 5, 7, dtype=torch.float64), torch.rand(2, 6, 5, 7, dtype=torch.float64)
    index = torch.randint(0, 6, (2, 3, 4))
    out = assign_score_withk(scores, points, centres, index)
    b, n, k, c = 1, 2, 3, 4
    difference = points[b, index[b, n, k], :, c] - centres[b, index[b, n, 0], :, c]
    assert torch.allclose(out[b, c, n, k], (scores[b, n, k] * difference).sum())
    assert torch.autograd.gradcheck(lambda x: assign_score_withk(x, points, centres, index), scores)
    with pytest.raises(ValueError, match='aggregate'):
        assign_score_withk(scores, points, centres, index, 'mean')
