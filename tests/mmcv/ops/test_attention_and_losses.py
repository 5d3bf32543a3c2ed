from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from mmcv.ops import (
    CrissCrossAttention,
    MultiScaleDeformableAttention,
    MultiScaleDeformableAttnFunction,
    PSAMask,
    SigmoidFocalLoss,
    SyncBatchNorm,
    multi_scale_deformable_attn_pytorch,
    sigmoid_focal_loss,
)
from mmengine.registry import MODELS


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def bilinear(image: torch.Tensor, x: float, y: float) -> torch.Tensor:
    """`image` (H, W, C) at pixel coordinates, zero outside."""
    h, w, _ = image.shape
    value = torch.zeros_like(image[0, 0])
    x0, y0 = int(x // 1), int(y // 1)
    for yy, xx in itertools.product((y0, y0 + 1), (x0, x0 + 1)):
        if 0 <= yy < h and 0 <= xx < w:
            value = value + image[yy, xx] * (1 - abs(y - yy)) * (1 - abs(x - xx))
    return value


SHAPES = [(4, 6), (2, 3)]


def test_deformable_attention_is_the_definition() -> None:
    n, heads, c, queries, points = 2, 2, 3, 4, 2
    value = rand(n, 30, heads, c)
    locations = torch.rand(n, queries, heads, 2, points, 2, dtype=torch.float64) * 1.4 - 0.2
    weights = rand(n, queries, heads, 2, points, seed=2)
    out = multi_scale_deformable_attn_pytorch(value, torch.tensor(SHAPES), locations, weights)
    expected = torch.zeros(n, queries, heads, c, dtype=torch.float64)
    levels = value.split([24, 6], dim=1)
    for i, q, m, level, p in itertools.product(range(n), range(queries), range(heads), range(2), range(points)):
        h, w = SHAPES[level]
        image = levels[level][i, :, m].view(h, w, c)
        x, y = (locations[i, q, m, level, p] * torch.tensor([w, h]) - 0.5).tolist()
        expected[i, q, m] += weights[i, q, m, level, p] * bilinear(image, x, y)
    torch.testing.assert_close(out, expected.flatten(2))
    same = MultiScaleDeformableAttnFunction.apply(value, torch.tensor(SHAPES), None, locations, weights, 64)
    assert torch.equal(same, out)
    inputs = [t.clone().requires_grad_() for t in (value[:1], locations[:1], weights[:1])]
    torch.autograd.gradcheck(lambda v, s, a: multi_scale_deformable_attn_pytorch(v, SHAPES, s, a), inputs)


def attention(**kwargs: object) -> MultiScaleDeformableAttention:
    torch.manual_seed(0)
    return MultiScaleDeformableAttention(8, 2, 2, 2, dropout=0.0, **kwargs).double()  # type: ignore[arg-type]


def test_deformable_attention_module() -> None:
    layer, first = attention(), attention(batch_first=True)
    query, value, pos = rand(5, 2, 8), rand(30, 2, 8, seed=1), rand(5, 2, 8, seed=2)
    reference = torch.rand(2, 5, 2, 2, dtype=torch.float64)
    for module in (layer, first):
        nn.init.normal_(module.sampling_offsets.weight, std=0.3, generator=torch.Generator().manual_seed(1))
    shapes = torch.tensor(SHAPES)
    out = layer(query, value=value, query_pos=pos, reference_points=reference, spatial_shapes=shapes)
    swapped = (t.transpose(0, 1) for t in (query, value, pos))
    q, v, p = swapped
    other = first(q, value=v, query_pos=p, reference_points=reference, spatial_shapes=shapes)
    torch.testing.assert_close(out, other.transpose(0, 1))
    # Boxes: offsets are in halves of the box, a `num_points`-th of it a step.
    boxes = torch.cat([reference, torch.full_like(reference, 0.5)], -1)
    assert first(q, value=v, reference_points=boxes, spatial_shapes=shapes).shape == (2, 5, 8)
    padding = torch.zeros(2, 30, dtype=torch.bool)
    padding[:, 24:] = True
    masked = first(q, value=v, reference_points=reference, spatial_shapes=shapes, key_padding_mask=padding)
    hidden = v.clone()
    hidden[:, 24:] = 100.0
    again = first(q, value=hidden, reference_points=reference, spatial_shapes=shapes, key_padding_mask=padding)
    torch.testing.assert_close(masked, again)
    with pytest.raises(ValueError, match='29 values'):
        first(q, value=v[:, :29], reference_points=reference, spatial_shapes=shapes)
    with pytest.raises(ValueError, match='coordinates'):
        first(q, value=v, reference_points=reference[..., :1], spatial_shapes=shapes)
    with pytest.raises(ValueError, match='num_heads'):
        MultiScaleDeformableAttention(9, 2)
    assert MODELS.get('MultiScaleDeformableAttention') is MultiScaleDeformableAttention


def test_heads_start_in_directions_of_their_own() -> None:
    layer = MultiScaleDeformableAttention(16, 4, 2, 3)
    bias = layer.sampling_offsets.bias.view(4, 2, 3, 2)
    directions = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    for point in range(3):
        torch.testing.assert_close(bias[:, 1, point].detach(), directions * (point + 1), atol=1e-6, rtol=0)
    assert not layer.sampling_offsets.weight.any() and not layer.attention_weights.weight.any()


def test_criss_cross_attention() -> None:
    torch.manual_seed(0)
    layer, x = CrissCrossAttention(16).double(), rand(2, 16, 3, 4)
    assert torch.equal(layer(x), x)
    assert list(layer.state_dict()) == [
        'query_conv.weight',
        'query_conv.bias',
        'key_conv.weight',
        'key_conv.bias',
        'value_conv.weight',
        'value_conv.bias',
        'gamma.scale',
    ]
    layer.gamma.scale.data.fill_(2.0)
    q, k, v = layer.query_conv(x), layer.key_conv(x), layer.value_conv(x)
    expected = x.clone()
    for n, i, j in itertools.product(range(2), range(3), range(4)):
        path = [(a, j) for a in range(3) if a != i] + [(i, b) for b in range(4)]
        scores = torch.stack([q[n, :, i, j] @ k[n, :, a, b] for a, b in path]).softmax(0)
        expected[n, :, i, j] += 2 * sum(s * v[n, :, a, b] for s, (a, b) in zip(scores, path, strict=True))
    torch.testing.assert_close(layer(x), expected)
    assert MODELS.get('CrissCrossAttention') is CrissCrossAttention


@pytest.mark.parametrize('kind', ['collect', 'distribute'])
@pytest.mark.parametrize('size', [(3, 5), (7, 7), None])
def test_psa_mask(kind: str, size: tuple[int, int] | None) -> None:
    h, w = 3, 4
    mask_h, mask_w = size or (2 * h - 1, 2 * w - 1)
    x = rand(2, mask_h * mask_w, h, w).requires_grad_()
    out = PSAMask(kind, size)(x)
    expected = torch.zeros(2, h * w, h, w, dtype=torch.float64)
    for i, j, a, b in itertools.product(range(h), range(w), range(mask_h), range(mask_w)):
        y, z = i + a - mask_h // 2, j + b - mask_w // 2
        if 0 <= y < h and 0 <= z < w:
            if kind == 'collect':
                expected[:, y * w + z, i, j] = x[:, a * mask_w + b, i, j]
            else:
                expected[:, i * w + j, y, z] = x[:, a * mask_w + b, i, j]
    torch.testing.assert_close(out, expected)
    torch.autograd.gradcheck(PSAMask(kind, size), x)


def test_psa_mask_mistakes() -> None:
    with pytest.raises(ValueError, match='psa_type'):
        PSAMask('both')
    with pytest.raises(ValueError, match='8 channels'):
        PSAMask('collect', (3, 3))(torch.ones(1, 8, 2, 2))


def test_focal_loss_is_the_formula() -> None:
    x, target = rand(6, 3), torch.tensor([0, 1, 2, 3, 0, 1])
    weight = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)
    expected = torch.zeros(6, 3, dtype=torch.float64)
    for i, c in itertools.product(range(6), range(3)):
        p = x[i, c].sigmoid()
        if target[i] == c:
            expected[i, c] = -0.3 * (1 - p) ** 1.5 * p.log()
        else:
            expected[i, c] = -0.7 * p**1.5 * (1 - p).log()
    torch.testing.assert_close(sigmoid_focal_loss(x, target, 1.5, 0.3, None, 'none'), expected)
    torch.testing.assert_close(sigmoid_focal_loss(x, target, 1.5, 0.3), expected.sum() / 6)
    torch.testing.assert_close(SigmoidFocalLoss(1.5, 0.3, reduction='sum')(x, target), expected.sum())
    weighted = expected * torch.tensor([0.5, 2.0, 3.0, 1.0, 0.5, 2.0])[:, None]
    torch.testing.assert_close(SigmoidFocalLoss(1.5, 0.3, weight, 'none')(x, target), weighted)
    big = torch.tensor([[1e4, -1e4]], requires_grad=True)
    loss = sigmoid_focal_loss(big, torch.tensor([1]))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(big.grad).all()  # type: ignore[arg-type]
    torch.autograd.gradcheck(lambda y: sigmoid_focal_loss(y, target), x.requires_grad_())
    with pytest.raises(ValueError, match='reduction'):
        sigmoid_focal_loss(x, target, reduction='avg')
    with pytest.raises(ValueError, match='target'):
        sigmoid_focal_loss(x, target[:-1])


def test_sync_bn_is_that_of_torch() -> None:
    assert SyncBatchNorm is nn.SyncBatchNorm and MODELS.get('MMSyncBN') is nn.SyncBatchNorm
