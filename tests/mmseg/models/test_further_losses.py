import math
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmengine.utils.errors import ConfigError
from mmseg.models.losses import HausdorffDistanceLoss, HuasdorffDisstanceLoss, KLDivLoss, SiLogLoss
from mmseg.models.losses.huasdorff_distance_loss import compute_dtm
from mmseg.registry import MODELS


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(('reduction', 'shape'), [('none', (2, 3, 4, 4)), ('mean', (2,)), ('sum', (2,))])
def test_divergence_from_a_teacher(reduction: str, shape: tuple[int, ...]) -> None:
    student, teacher = random(2, 3, 4, 4), random(2, 3, 4, 4, seed=1)
    loss = KLDivLoss(temperature=2.0, reduction=reduction)
    out = loss(student, teacher)
    assert out.shape == shape
    p, q = (teacher / 2).softmax(1), (student / 2).softmax(1)
    expected = (p * (p / q).log()).sum() * 4
    total = out.sum() * (48 if reduction == 'mean' else 1)
    torch.testing.assert_close(total, expected)
    assert (loss(teacher, teacher).abs() < 1e-6).all()
    assert loss.loss_name == 'loss_kld'
    with pytest.raises(ConfigError, match='batchmean'):
        KLDivLoss(reduction='batchmean')


def test_depth_of_another_scale_costs_less() -> None:
    target = torch.rand(2, 1, 4, 4) + 1
    loss = SiLogLoss()
    torch.testing.assert_close(loss(target * 2, target), torch.tensor(math.log(2) * math.sqrt(0.5)))
    uneven = target.clone()
    uneven[:, :, :2] *= 4
    uneven[:, :, 2:] /= 4
    torch.testing.assert_close(loss(uneven, target), torch.tensor(math.log(4)))
    assert loss.loss_name == 'loss_silog'


def test_pixels_without_depth_do_not_count() -> None:
    pred, target = torch.rand(3, 4, 4) + 1, torch.rand(3, 4, 4) + 1
    target[0, :2] = 0
    target[1] = 0
    pred.requires_grad_()
    losses = SiLogLoss(reduction='none')(pred, target)
    alone = SiLogLoss()(pred[:1, 2:], target[:1, 2:])
    torch.testing.assert_close(losses[0], alone)
    assert losses[1] == 0
    losses.sum().backward()
    assert pred.grad is not None and pred.grad.isfinite().all() and pred.grad[0, :2].abs().max() == 0
    weighted = SiLogLoss(loss_weight=2.0)(pred, target, weight=torch.tensor([1.0, 0, 0]), avg_factor=1)
    torch.testing.assert_close(weighted, 2 * losses[0])
    exact = target.clone().requires_grad_()
    SiLogLoss()(exact, target).backward()
    assert exact.grad is not None and exact.grad.isfinite().all()


def test_distances_to_the_outside() -> None:
    mask = torch.zeros(1, 2, 5, 5, dtype=torch.bool)
    mask[0, 0, 1:4, 1:4] = True
    mask[0, 1] = True
    expected = torch.zeros(1, 2, 5, 5)
    expected[0, 0, 1:4, 1:4] = 1
    expected[0, 0, 2, 2] = 2
    torch.testing.assert_close(compute_dtm(mask), expected)


@pytest.mark.parametrize('kind', ['HausdorffDistanceLoss', 'HuasdorffDisstanceLoss'])
def test_errors_far_from_contours_cost_more(kind: str) -> None:
    loss: Any = MODELS.build({'type': kind, 'loss_weight': 2.0})
    pred, label = random(2, 2, 8, 8), (random(2, 8, 8, seed=1) > 0).long()

    def distance(mask: np.ndarray) -> np.ndarray:
        return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)

    expected = 0.0
    for one, truth in zip(pred.softmax(1)[:, 1].numpy(), label.numpy(), strict=True):
        distances = distance(truth) ** 2 + distance(one > 0.5) ** 2
        expected += ((one - truth) ** 2 * distances).mean() / 2  # classes
    assert loss(pred, label).item() == pytest.approx(expected / 2 * 2, rel=1e-5)  # images, weight
    assert loss.loss_name == 'loss_huasdorff_disstance'


def test_options_of_the_hausdorff_loss() -> None:
    pred, label = random(2, 3, 8, 8), (random(2, 8, 8, seed=1) > 0).long() * 2
    each = HuasdorffDisstanceLoss(reduction='none')(pred, label)
    assert each.shape == (2,)
    torch.testing.assert_close(HuasdorffDisstanceLoss()(pred, label, avg_factor=4), each.sum() / 4)
    only = HausdorffDistanceLoss(class_weight=[1.0, 0.0, 0.0])(pred, label)  # the background never counts
    assert only == 0
    label[:] = 255
    pred.requires_grad_()
    nothing = HausdorffDistanceLoss()(pred, label)
    nothing.backward()
    assert nothing == 0 and pred.grad is not None and not pred.grad.any()


def test_a_better_prediction_costs_less() -> None:
    label = torch.zeros(1, 8, 8, dtype=torch.int64)
    label[:, 2:6, 2:6] = 1
    good = 8 * F.one_hot(label, 2).movedim(3, 1).float()
    assert HausdorffDistanceLoss()(good, label) < 1e-3 < HausdorffDistanceLoss()(-good, label)
