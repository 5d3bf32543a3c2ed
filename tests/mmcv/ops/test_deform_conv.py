from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from mmcv.cnn import ConvModule, build_conv_layer
from mmcv.ops import (
    DeformConv2d,
    DeformConv2dPack,
    ModulatedDeformConv2d,
    ModulatedDeformConv2dPack,
    deform_conv2d,
    modulated_deform_conv2d,
)

FORMS = [
    {'stride': 1, 'padding': 1, 'dilation': 1, 'groups': 1, 'deform_groups': 1},
    {'stride': (2, 1), 'padding': (0, 2), 'dilation': (1, 2), 'groups': 2, 'deform_groups': 2},
]


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def make(form: dict[str, Any], kernel: tuple[int, int] = (3, 2)) -> dict[str, torch.Tensor]:
    x, weight, bias = rand(2, 4, 5, 6), rand(6, 4 // form['groups'], *kernel, seed=1), rand(6, seed=2)
    plain = F.conv2d(x, weight, None, form['stride'], form['padding'], form['dilation'], form['groups'])
    taps = kernel[0] * kernel[1] * form['deform_groups']
    return {
        'x': x,
        'weight': weight,
        'bias': bias,
        'offset': rand(2, taps * 2, *plain.shape[2:], seed=3),
        'mask': rand(2, taps, *plain.shape[2:], seed=4).sigmoid(),
    }


def slow(t: dict[str, torch.Tensor], form: dict[str, Any]) -> torch.Tensor:
    """The definition, one output after another."""
    x, weight, bias, offset, mask = (t[k] for k in ('x', 'weight', 'bias', 'offset', 'mask'))
    n, c, h, w = x.shape
    out_c, in_group, kh, kw = weight.shape
    (sy, sx), (py, px), (dy, dx) = (
        (v, v) if isinstance(v, int) else v for v in (form['stride'], form['padding'], form['dilation'])
    )
    out = bias.view(1, -1, 1, 1).expand(n, out_c, *offset.shape[2:]).clone()
    per_deform, per_out = c // form['deform_groups'], out_c // form['groups']
    for b, o, i, j, ci, a, e in itertools.product(
        range(n), range(out_c), *(range(s) for s in out.shape[2:]), range(in_group), range(kh), range(kw)
    ):
        channel = o // per_out * in_group + ci
        tap = channel // per_deform * kh * kw + a * kw + e
        y = i * sy - py + a * dy + float(offset[b, 2 * tap, i, j])
        z = j * sx - px + e * dx + float(offset[b, 2 * tap + 1, i, j])
        value = 0.0
        for yy, zz in itertools.product((int(y // 1), int(y // 1) + 1), (int(z // 1), int(z // 1) + 1)):
            if 0 <= yy < h and 0 <= zz < w:
                value += float(x[b, channel, yy, zz]) * (1 - abs(y - yy)) * (1 - abs(z - zz))
        out[b, o, i, j] += weight[o, ci, a, e] * value * mask[b, tap, i, j]
    return out


@pytest.mark.parametrize('form', FORMS)
def test_modulated_deform_conv_is_the_definition(form: dict[str, Any]) -> None:
    t = make(form)
    out = modulated_deform_conv2d(t['x'], t['offset'], t['mask'], t['weight'], t['bias'], **form)
    torch.testing.assert_close(out, slow(t, form))


@pytest.mark.parametrize('form', FORMS)
def test_gradients(form: dict[str, Any]) -> None:
    t = {k: v.requires_grad_() for k, v in make(form, kernel=(2, 2)).items()}
    args = (t['x'], t['offset'], t['mask'], t['weight'], t['bias'])
    torch.autograd.gradcheck(lambda *a: modulated_deform_conv2d(*a, **form), args, fast_mode=True)


@pytest.mark.parametrize('form', FORMS)
def test_without_offset_it_is_a_convolution(form: dict[str, Any]) -> None:
    t = make(form)
    plain = F.conv2d(t['x'], t['weight'], None, form['stride'], form['padding'], form['dilation'], form['groups'])
    torch.testing.assert_close(deform_conv2d(t['x'], t['offset'] * 0, t['weight'], **form), plain)
    layer = DeformConv2d(4, 6, (3, 2), **form).double()
    layer.weight.data.copy_(t['weight'])
    torch.testing.assert_close(layer(t['x'], t['offset'] * 0), plain)
    modulated = ModulatedDeformConv2d(4, 6, (3, 2), bias=False, **form).double()
    modulated.weight.data.copy_(t['weight'])
    torch.testing.assert_close(modulated(t['x'], t['offset'] * 0, torch.ones_like(t['mask'])), plain)


def test_packs_start_as_convolutions() -> None:
    x = torch.randn(2, 4, 5, 6)
    first = build_conv_layer({'type': 'DCN'}, 4, 6, 3, padding=1, bias=False)
    assert isinstance(first, DeformConv2dPack)
    torch.testing.assert_close(first(x), F.conv2d(x, first.weight, padding=1), atol=1e-5, rtol=1e-4)
    second = build_conv_layer({'type': 'DCNv2', 'deform_groups': 2}, 4, 6, 3, padding=1)
    assert isinstance(second, ModulatedDeformConv2dPack) and second.conv_offset.out_channels == 54
    half = F.conv2d(x, second.weight * 0.5, second.bias, padding=1)  # the mask is sigmoid(0)
    torch.testing.assert_close(second(x), half, atol=1e-5, rtol=1e-4)
    assert list(second.state_dict()) == ['weight', 'bias', 'conv_offset.weight', 'conv_offset.bias']


def test_in_a_conv_module() -> None:
    module = ConvModule(4, 6, 3, stride=2, padding=1, conv_cfg={'type': 'DCNv2'}, norm_cfg={'type': 'BN'})
    assert module(torch.randn(2, 4, 8, 8)).shape == (2, 6, 4, 4)
    assert not module.conv.conv_offset.weight.any()


def test_mistakes() -> None:
    x, weight = torch.ones(1, 4, 5, 5), torch.ones(2, 4, 3, 3)
    with pytest.raises(ValueError, match=r'\(1, 18, 3, 3\)'):
        deform_conv2d(x, torch.zeros(1, 18, 5, 5), weight)
    with pytest.raises(ValueError, match='bias'):
        DeformConv2d(4, 2, 3, bias=True)
    with pytest.raises(ValueError, match='bias'):
        deform_conv2d(x, torch.zeros(1, 18, 3, 3), weight, bias=True)
    with pytest.raises(ValueError, match='in_channels'):
        DeformConv2d(4, 3, 3, groups=3)
