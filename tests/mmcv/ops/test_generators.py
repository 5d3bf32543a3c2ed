"""Operators of image generators, and cells that join feature maps, against slow definitions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmcv.ops import (
    FusedBiasLeakyReLU,
    bias_act,
    conv2d,
    conv_transpose2d,
    downsample2d,
    filter2d,
    filtered_lrelu,
    fused_bias_leakyrelu,
    upfirdn2d,
    upsample2d,
)
from mmcv.ops.merge_cells import ConcatCell, GlobalPoolingCell, SumCell


def slow_upfirdn(x: torch.Tensor, kernel: torch.Tensor, up: int, down: int, pad: list[int]) -> torch.Tensor:
    n, c, h, w = x.shape
    big = x.new_zeros(n, c, h * up + pad[2] + pad[3], w * up + pad[0] + pad[1])
    big[:, :, pad[2] : pad[2] + h * up : up, pad[0] : pad[0] + w * up : up] = x
    kh, kw = kernel.shape
    rows, columns = big.shape[2] - kh + 1, big.shape[3] - kw + 1
    out = x.new_zeros(n, c, rows, columns)
    for i in range(kh):
        for j in range(kw):
            out += kernel[kh - 1 - i, kw - 1 - j] * big[:, :, i : i + rows, j : j + columns]
    return out[:, :, ::down, ::down]


@pytest.mark.parametrize(
    ('up', 'down', 'pad'), [(1, 1, [0, 0, 0, 0]), (2, 1, [1, 2, 0, 3]), (2, 3, [2, 1, 1, 1]), (1, 2, [0, 1, 2, 0])]
)
def test_upfirdn(up: int, down: int, pad: list[int]) -> None:
    torch.manual_seed(0)
    x, kernel = torch.randn(2, 3, 5, 6, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    expected = slow_upfirdn(x, kernel, up, down, pad)
    assert torch.allclose(upfirdn2d(x, kernel, up, down, pad), expected)
    assert torch.allclose(upfirdn2d(x, kernel.flip(0, 1), up, down, pad, flip_filter=True, gain=3), 3 * expected)
    line = torch.randn(3, dtype=torch.float64)
    assert torch.allclose(upfirdn2d(x, line, up, down, pad), upfirdn2d(x, line[:, None] * line, up, down, pad))
    assert torch.autograd.gradcheck(
        lambda a, b: upfirdn2d(a, b, up, down, pad), (x[:1, :1].requires_grad_(), kernel.requires_grad_())
    )


def test_upfirdn_crops_and_has_no_filter() -> None:
    x = torch.arange(12.0).view(1, 1, 3, 4)
    assert torch.equal(upfirdn2d(x, None, padding=[-1, 0, 0, -1]), x[:, :, :2, 1:])
    assert torch.equal(upfirdn2d(x, None, up=[2, 1])[..., ::2], x)


def test_resampling_keeps_sizes_and_brightness() -> None:
    x = torch.ones(1, 2, 8, 10)
    kernel = torch.tensor([1.0, 3, 3, 1]) / 8
    for function, shape in ((filter2d, (8, 10)), (upsample2d, (16, 20)), (downsample2d, (4, 5))):
        out = function(x, kernel)
        assert out.shape[2:] == shape
        assert torch.allclose(out[..., 2:-2, 2:-2], torch.ones(1))


@pytest.mark.parametrize(
    ('act', 'expected', 'gain'),
    [
        ('linear', lambda x: x, 1),
        ('relu', F.relu, math.sqrt(2)),
        ('lrelu', lambda x: F.leaky_relu(x, 0.2), math.sqrt(2)),
        ('tanh', torch.tanh, 1),
        ('sigmoid', torch.sigmoid, 1),
        ('elu', F.elu, 1),
        ('selu', F.selu, 1),
        ('softplus', F.softplus, 1),
        ('swish', F.silu, math.sqrt(2)),
    ],
)
def test_bias_act(act: str, expected: nn.Module, gain: float) -> None:
    x, bias = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    assert torch.allclose(bias_act(x, bias, act=act), expected(x + bias[:, None]) * gain)
    assert torch.allclose(bias_act(x, act=act, gain=3, clamp=0.5), (expected(x) * 3).clamp(-0.5, 0.5))


def test_options_of_bias_act() -> None:
    x = torch.randn(2, 3)
    assert torch.allclose(bias_act(x, torch.ones(2), dim=0, act='lrelu', alpha=0.5, gain=1), F.leaky_relu(x + 1, 0.5))
    with pytest.raises(KeyError, match='gelu'):
        bias_act(x, act='gelu')
    with pytest.raises(ValueError, match='clamp'):
        bias_act(x, clamp=-1)


def test_filtered_leaky_relu() -> None:
    x, bias = torch.randn(1, 3, 6, 6, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    assert torch.allclose(filtered_lrelu(x, bias=bias), F.leaky_relu(x + 1, 0.2) * math.sqrt(2))
    kernel = torch.tensor([1.0, 3, 3, 1], dtype=torch.float64) / 8
    out = filtered_lrelu(torch.ones_like(x), kernel, kernel, up=2, down=2, padding=[3, 2, 3, 2], clamp=1.2)  # type: ignore[arg-type]
    assert out.shape == (1, 3, 6, 6)
    assert float(out[0, 0, 3, 3]) == pytest.approx(1.2)


def test_fused_bias_leaky_relu() -> None:
    layer = FusedBiasLeakyReLU(3, 0.1, 2.0)
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 3, 4, 4)
    assert torch.allclose(layer(x), 2 * F.leaky_relu(x + layer.bias[:, None, None], 0.1))
    assert fused_bias_leakyrelu(torch.randn(2, 3), layer.bias).shape == (2, 3)
    assert not FusedBiasLeakyReLU(3).bias.any()


def test_convolutions_have_second_derivatives() -> None:
    x, w = torch.randn(1, 2, 4, 4, dtype=torch.float64), torch.randn(2, 2, 3, 3, dtype=torch.float64)
    for function in (conv2d, conv_transpose2d):
        assert torch.autograd.gradgradcheck(function, (x.requires_grad_(), w.requires_grad_()))


def test_cells_join_maps_of_any_size() -> None:
    a, b = torch.randn(1, 4, 4, 6), torch.randn(1, 4, 8, 12)
    up = F.interpolate(a, scale_factor=2)
    assert torch.equal(SumCell(4, 4, with_out_conv=False)(a, b), up + b)
    assert torch.equal(ConcatCell(4, 4, with_out_conv=False)(a, b), torch.cat([up, b], 1))
    pooled = b + b.mean((2, 3), keepdim=True).sigmoid() * up
    assert torch.allclose(GlobalPoolingCell(with_out_conv=False)(a, b), pooled)
    assert torch.equal(SumCell(4, 4, with_out_conv=False)(a, b, (4, 6)), a + F.max_pool2d(b, 2))
    assert SumCell(4, 4, with_out_conv=False)(a, b, (3, 5)).shape[2:] == (3, 5)


def test_convolutions_of_cells() -> None:
    cell = ConcatCell(4, 5, with_out_conv=True)
    assert cell.out_conv.conv.in_channels == 8
    out = cell(torch.randn(1, 4, 4, 4), torch.randn(1, 4, 4, 4))
    assert out.shape == (1, 5, 4, 4)
    out.sum().backward()
    assert all(p.grad is not None for p in cell.parameters())
    cell = SumCell(4, 4, with_input1_conv=True, input_conv_cfg={'kernel_size': 1}, upsample_mode='bilinear')
    assert cell.input1_conv.conv.kernel_size == (1, 1)
    assert len(cell.input2_conv) == 0
    with pytest.raises(ValueError, match='upsample_mode'):
        SumCell(4, 4, upsample_mode='cubic')
