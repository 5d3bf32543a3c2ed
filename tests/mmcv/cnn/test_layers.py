from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmcv.cnn import (
    Clamp,
    ContextBlock,
    Conv2dAdaptivePadding,
    DropPath,
    HSwish,
    LayerScale,
    NonLocal2d,
    Scale,
    build_activation_layer,
    build_norm_layer,
    build_padding_layer,
    build_plugin_layer,
    build_upsample_layer,
    is_norm,
)
from mmcv.cnn.bricks import Conv2d, ConvTranspose2d, Linear, MaxPool2d
from mmcv.cnn.bricks.drop import Dropout, build_dropout, drop_path
from mmcv.cnn.bricks.norm import infer_abbr as norm_abbr
from mmcv.cnn.bricks.plugin import infer_abbr as plugin_abbr
from mmcv.cnn.bricks.wrappers import NewEmptyTensorOp, obsolete_torch_version

IMAGE = torch.randn(2, 4, 6, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ('cfg', 'cls', 'name'),
    [
        ({'type': 'BN'}, nn.BatchNorm2d, 'bn1'),
        ({'type': 'BN1d'}, nn.BatchNorm1d, 'bn1'),
        ({'type': 'BN3d'}, nn.BatchNorm3d, 'bn1'),
        ({'type': 'SyncBN'}, nn.SyncBatchNorm, 'bn1'),
        ({'type': 'GN', 'num_groups': 2}, nn.GroupNorm, 'gn1'),
        ({'type': 'LN'}, nn.LayerNorm, 'ln1'),
        ({'type': 'IN'}, nn.InstanceNorm2d, 'in1'),
        ({'type': nn.BatchNorm2d}, nn.BatchNorm2d, 'bn1'),
    ],
)
def test_norm_layers(cfg: dict[str, Any], cls: type, name: str) -> None:
    found_name, layer = build_norm_layer({**cfg, 'requires_grad': False}, 4, postfix=1)
    assert (found_name, type(layer)) == (name, cls)
    assert layer.eps == 1e-5
    assert not any(p.requires_grad for p in layer.parameters())
    assert is_norm(layer) and not is_norm(layer, exclude=cls) and not is_norm(nn.Conv2d(1, 1, 1))


def test_norm_layer_mistakes() -> None:
    with pytest.raises(TypeError, match='num_groups'):
        build_norm_layer({'type': 'GN'}, 4)
    with pytest.raises(TypeError, match='postfix'):
        build_norm_layer({'type': 'BN'}, 4, postfix=[1])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match='exclude'):
        is_norm(nn.Identity(), exclude='BN')  # type: ignore[arg-type]


def test_names_of_unknown_norms_and_plugins() -> None:
    own = type('OwnBatchThing', (nn.Module,), {})
    assert norm_abbr(own) == 'bn'
    assert norm_abbr(type('Whitening', (nn.Module,), {})) == 'norm_layer'
    assert norm_abbr(type('X', (nn.BatchNorm2d,), {'_abbr_': 'xx'})) == 'xx'
    assert plugin_abbr(type('FancyBlock', (), {})) == 'fancy_block'
    assert plugin_abbr(type('ESPPlugin2d', (), {})) == 'esp_plugin2d'
    assert plugin_abbr(NonLocal2d) == 'nonlocal_block'
    name, layer = build_plugin_layer({'type': 'ContextBlock', 'ratio': 0.5}, postfix='_after', in_channels=4)
    assert name == 'context_block_after' and isinstance(layer, ContextBlock) and layer.planes == 2


def test_padding_and_upsampling() -> None:
    torch.testing.assert_close(
        build_padding_layer({'type': 'reflect'}, 2)(IMAGE), nn.functional.pad(IMAGE, [2] * 4, 'reflect')
    )
    assert build_padding_layer({'type': 'zero'}, 1)(IMAGE).shape == (2, 4, 8, 10)
    torch.testing.assert_close(
        build_upsample_layer({'type': 'bilinear', 'scale_factor': 2, 'align_corners': True})(IMAGE),
        nn.functional.interpolate(IMAGE, scale_factor=2, mode='bilinear', align_corners=True),
    )
    deconv = build_upsample_layer({'type': 'deconv', 'kernel_size': 2, 'stride': 2}, in_channels=4, out_channels=3)
    assert deconv(IMAGE).shape == (2, 3, 12, 16)
    shuffle = build_upsample_layer(
        {'type': 'pixel_shuffle', 'in_channels': 4, 'out_channels': 3, 'scale_factor': 2, 'upsample_kernel': 3}
    )
    assert shuffle(IMAGE).shape == (2, 3, 12, 16)


def test_activations() -> None:
    x = torch.linspace(-4, 4, 17)
    torch.testing.assert_close(build_activation_layer({'type': 'HSigmoid'})(x), nn.functional.hardsigmoid(x))
    torch.testing.assert_close(build_activation_layer({'type': 'HSwish'})(x), x * nn.functional.hardsigmoid(x))
    torch.testing.assert_close(build_activation_layer({'type': 'Swish'})(x), x * x.sigmoid())
    torch.testing.assert_close(build_activation_layer({'type': 'Clip', 'max': 2.0})(x), x.clamp(-1, 2))
    assert type(build_activation_layer({'type': 'Clip'})) is Clamp and HSwish is nn.Hardswish


def test_drop_path_drops_whole_samples_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    x = torch.ones(4000, 3, 2)
    out = drop_path(x, 0.25, training=True)
    kept = out[:, 0, 0] != 0
    assert torch.equal(out, kept.float()[:, None, None].expand_as(x) / 0.75)
    assert abs(float(out.mean()) - 1) < 0.05
    layer = build_dropout({'type': 'DropPath'}, {'drop_prob': 0.5})
    assert isinstance(layer, DropPath) and layer.drop_prob == 0.5
    assert layer.eval()(x) is x and drop_path(x, 0.0, training=True) is x
    dropout = build_dropout({'type': 'Dropout', 'drop_prob': 0.2})
    assert type(dropout) is Dropout and dropout.p == 0.2


def test_scales() -> None:
    assert torch.equal(Scale(2.0)(IMAGE), IMAGE * 2)
    layer = LayerScale(4, data_format='channels_first', scale=0.5)
    assert torch.equal(layer(IMAGE), IMAGE * 0.5)
    layer = LayerScale(8, inplace=True, scale=3.0)
    x = IMAGE.clone()
    assert layer.requires_grad_(False)(x) is x
    assert torch.equal(x, IMAGE * 3)
    with pytest.raises(ValueError, match='channels_middle'):
        LayerScale(4, data_format='channels_middle')


@settings(deadline=None, max_examples=30)
@given(
    size=st.tuples(st.integers(1, 17), st.integers(1, 17)),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
)
def test_same_padding_gives_ceil_of_size_over_stride(
    size: tuple[int, int], kernel: int, stride: int, dilation: int
) -> None:
    layer = Conv2dAdaptivePadding(1, 1, kernel, stride, dilation=dilation)
    assert layer(torch.zeros(1, 1, *size)).shape[2:] == tuple(-(-side // stride) for side in size)


def test_empty_batches_pass() -> None:
    x = torch.zeros(0, 4, 6, 6)
    for layer in (Conv2d(4, 2, 3), ConvTranspose2d(4, 2, 2), MaxPool2d(2), nn.Sequential(nn.Flatten(), Linear(144, 3))):
        out = layer(x.requires_grad_())
        assert out.shape[0] == 0
        out.sum().backward()
    out = NewEmptyTensorOp.apply(x, (0, 7))
    assert out.shape == (0, 7)
    out.sum().backward()


def test_obsolete_torch_version() -> None:
    assert obsolete_torch_version((1, 4), (1, 4)) and obsolete_torch_version('parrots', (1, 4))
    assert not obsolete_torch_version((2, 6), (1, 4))


def test_identity_at_the_start() -> None:
    assert torch.equal(NonLocal2d(4)(IMAGE), IMAGE)
    assert torch.equal(ContextBlock(4, 0.5)(IMAGE), IMAGE)


def test_non_local_attends_over_all_positions() -> None:
    block = NonLocal2d(4, reduction=1, mode='dot_product', zeros_init=False)
    weights = block.dot_product(torch.ones(1, 6, 4), torch.ones(1, 4, 3))
    assert torch.equal(weights, torch.full((1, 6, 3), 4 / 3))
    with pytest.raises(ValueError, match='mode'):
        NonLocal2d(4, mode='product')
