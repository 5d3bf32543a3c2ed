"""CARAFE, RoIPool, masked convolution, pooling and shifts, against slow definitions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from mmcv.ops import CARAFE, CARAFEPack, CornerPool, MaskedConv2d, RoIPool, carafe, roi_pool, tin_shift
from mmcv.ops.tin_shift import TINShift
from mmengine.registry import MODELS


def test_carafe_is_a_weighted_sum_of_neighbours() -> None:
    torch.manual_seed(0)
    k, groups, scale = 3, 2, 2
    features = torch.randn(2, 4, 3, 4, dtype=torch.float64, requires_grad=True)
    masks = torch.randn(2, groups * k * k, 6, 8, dtype=torch.float64, requires_grad=True)
    out = carafe(features, masks, k, groups, scale)
    for n, c, y, x in ((0, 0, 0, 0), (1, 3, 5, 7), (0, 2, 3, 4), (1, 1, 2, 1)):
        total = 0.0
        for i in range(k):
            for j in range(k):
                row, column = y // scale + i - k // 2, x // scale + j - k // 2
                if 0 <= row < 3 and 0 <= column < 4:
                    weight = masks[n, (c // 2) * k * k + i * k + j, y, x]
                    total = total + weight * features[n, c, row, column]
        assert torch.allclose(out[n, c, y, x], torch.as_tensor(total, dtype=torch.float64))
    assert torch.autograd.gradcheck(CARAFE(k, groups, scale), (features, masks))
    with pytest.raises(ValueError, match='masks should be'):
        carafe(features, masks[:, :9], k, groups, scale)


def test_carafe_pack_starts_as_a_mean() -> None:
    torch.manual_seed(0)
    pack = MODELS.build({'type': 'carafe', 'channels': 4, 'scale_factor': 3, 'up_kernel': 3, 'up_group': 2})
    assert isinstance(pack, CARAFEPack)
    assert [n for n, _ in pack.named_children()] == ['channel_compressor', 'content_encoder']
    x = torch.ones(1, 4, 5, 6)
    out = pack(x)
    assert out.shape == (1, 4, 15, 18)
    assert torch.allclose(out[..., 3:-3, 3:-3], torch.ones(1), atol=1e-5)  # kernels sum up to 1
    out.sum().backward()
    assert all(p.grad is not None for p in pack.parameters())


def slow_roi_pool(image: torch.Tensor, roi: list[float], size: tuple[int, int], scale: float) -> torch.Tensor:
    n, x1, y1, x2, y2 = roi
    x1, y1, x2, y2 = x1 * scale, y1 * scale, (x2 + 1) * scale, (y2 + 1) * scale
    out = torch.zeros(image.shape[1], *size, dtype=image.dtype)
    for i in range(size[0]):
        for j in range(size[1]):
            top, bottom = y1 + i * (y2 - y1) / size[0], y1 + (i + 1) * (y2 - y1) / size[0]
            left, right = x1 + j * (x2 - x1) / size[1], x1 + (j + 1) * (x2 - x1) / size[1]
            values = [
                image[int(n), :, y, x]
                for y in range(max(0, math.floor(top)), min(image.shape[2], math.ceil(bottom)))
                for x in range(max(0, math.floor(left)), min(image.shape[3], math.ceil(right)))
            ]
            if values:
                out[:, i, j] = torch.stack(values).amax(0)
    return out


def test_roi_pool() -> None:
    torch.manual_seed(0)
    image = torch.randn(2, 3, 8, 9, dtype=torch.float64, requires_grad=True)
    rois = [[0, 1.0, 2, 9, 13], [1, -4.0, 3, 40, 8], [0, 5.0, 5, 5, 5], [1, 9.0, 9, 2, 3], [0, 30.0, 30, 35, 35]]
    pool = RoIPool((2, 3), 0.5)
    found = pool(image, torch.tensor(rois, dtype=torch.float64))
    for out, roi in zip(found, rois, strict=True):
        expected = slow_roi_pool(image, roi, (2, 3), 0.5) if roi[3] > roi[1] - 1 else torch.zeros(3, 2, 3)
        assert torch.equal(out, expected.to(out.dtype))
    boxes = torch.tensor(rois[:2], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: roi_pool(x, boxes, 2, 0.5), image)
    assert roi_pool(image, boxes[:0], 2).shape == (0, 3, 2, 2)
    assert 'spatial_scale=0.5' in repr(pool)
    with pytest.raises(ValueError, match=r'\(K, 5\)'):
        roi_pool(image, boxes[:, :4], 2)


@pytest.mark.parametrize(
    'options', [{}, {'padding': 1}, {'stride': 2, 'padding': 1}, {'groups': 2}, {'dilation': 2, 'bias': False}]
)
def test_masked_convolution(options: dict) -> None:
    torch.manual_seed(0)
    layer = MaskedConv2d(4, 6, 3, **options).double()
    x = torch.randn(2, 4, 7, 8, dtype=torch.float64, requires_grad=True)
    whole = nn.Conv2d.forward(layer, x)
    assert torch.equal(layer(x), whole)
    mask = (torch.rand(2, *whole.shape[2:]) > 0.6).double()
    assert torch.allclose(layer(x, mask), whole * mask[:, None])
    (grad,) = torch.autograd.grad(layer(x, mask).square().sum(), x)
    (expected,) = torch.autograd.grad((whole * mask[:, None]).square().sum(), x)
    assert torch.allclose(grad, expected)
    assert not layer(x, torch.zeros_like(mask)).any()


def test_corner_pool() -> None:
    x = torch.tensor([[[[1.0, 3, 2], [4, 0, 1]]]])
    expected = {
        'left': [[3, 3, 2], [4, 1, 1]],
        'right': [[1, 3, 3], [4, 4, 4]],
        'top': [[4, 3, 2], [4, 0, 1]],
        'bottom': [[1, 3, 2], [4, 3, 2]],
    }
    for mode, values in expected.items():
        assert CornerPool(mode)(x)[0, 0].tolist() == values
    x = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(CornerPool('top'), x)
    with pytest.raises(ValueError, match='mode'):
        CornerPool('up')


def test_shift_in_time() -> None:
    x = torch.arange(1.0, 13).view(1, 3, 4, 1).requires_grad_()
    out = TINShift()(x, torch.tensor([[1, -1]]))
    assert out[0, :, :, 0].tolist() == [[0, 0, 7, 8], [1, 2, 11, 12], [5, 6, 0, 0]]
    out.sum().backward()
    assert x.grad is not None
    assert x.grad[0, :, :, 0].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 1, 1]]
    with pytest.raises(ValueError, match='divisor'):
        tin_shift(x, torch.tensor([[1, 1, 1]]))
