from typing import Any

import pytest
import torch
from torch import nn

from mmengine.utils.errors import ConfigError
from mmseg.models import PCPVT, SVT
from mmseg.models.backbones.twins import (
    ConditionalPositionEncoding,
    GSAEncoderLayer,
    LocallyGroupedSelfAttention,
    LSAEncoderLayer,
)

SIZES = {
    'embed_dims': [8, 16],
    'patch_sizes': [4, 2],
    'strides': [4, 2],
    'num_heads': [1, 2],
    'mlp_ratios': [4, 2],
    'out_indices': (0, 1),
    'depths': [1, 2],
    'sr_ratios': [2, 1],
}


def build(kind: type, **kwargs: Any) -> Any:
    extra = {'windiow_sizes': [3, 3]} if kind is SVT else {}
    return kind(**SIZES, **extra, **kwargs)


@pytest.mark.parametrize('kind', [PCPVT, SVT])
def test_outputs_and_gradients(kind: type) -> None:
    model = build(kind, qkv_bias=True, drop_path_rate=0.0)
    model.init_weights()
    outs = model(torch.randn(2, 3, 40, 64))
    assert [out.shape for out in outs] == [(2, 8, 10, 16), (2, 16, 5, 8)]
    sum(out.square().sum() for out in outs).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_kinds_of_layers_take_turns_in_svt() -> None:
    kinds = [[type(layer) for layer in stage] for stage in build(SVT).layers]
    assert kinds == [[LSAEncoderLayer], [LSAEncoderLayer, GSAEncoderLayer]]
    assert {type(layer) for stage in build(PCPVT).layers for layer in stage} == {GSAEncoderLayer}


def test_norm_after_stage() -> None:
    assert not hasattr(build(PCPVT), 'norm_list') and len(build(SVT).norm_list) == 2
    out = build(SVT)(torch.randn(1, 3, 32, 32))[1]
    torch.testing.assert_close(out.mean(dim=1), torch.zeros(1, 4, 4), atol=1e-5, rtol=0)


@pytest.mark.parametrize(('height', 'width'), [(6, 6), (4, 6), (6, 5), (5, 7), (2, 2)])
def test_windows_see_only_their_own_pixels(height: int, width: int) -> None:
    """Also where only one side is padded."""
    torch.manual_seed(0)
    attention = LocallyGroupedSelfAttention(8, num_heads=2, qkv_bias=True, window_size=3)
    x = torch.randn(2, height, width, 8)
    expected = torch.zeros_like(x)
    for top in range(0, height, 3):
        for left in range(0, width, 3):
            part = x[:, top : top + 3, left : left + 3]
            query, key, value = (
                y.reshape(2, -1, 2, 4).transpose(1, 2) for y in attention.qkv(part.flatten(1, 2)).chunk(3, dim=-1)
            )
            weights = (query @ key.transpose(-1, -2) / 2).softmax(dim=-1)
            out = attention.proj((weights @ value).transpose(1, 2).flatten(2))
            expected[:, top : top + 3, left : left + 3] = out.view(part.shape)
    torch.testing.assert_close(attention(x.flatten(1, 2), (height, width)), expected.flatten(1, 2))


def test_position_encoding() -> None:
    x = torch.randn(2, 12, 4)
    encoding = ConditionalPositionEncoding(4, 4)
    pixels = x.transpose(1, 2).reshape(2, 4, 3, 4)
    torch.testing.assert_close(encoding(x, (3, 4)), (encoding.proj(pixels) + pixels).flatten(2).transpose(1, 2))
    assert ConditionalPositionEncoding(4, 4, stride=2)(x, (3, 4)).shape == (2, 4, 4)


def test_dropping_of_branches() -> None:
    model = build(PCPVT, drop_path_rate=0.5, drop_rate=0.1, attn_drop_rate=0.2)
    layers = [layer for stage in model.layers for layer in stage]
    assert [layer.drop_path.drop_prob for layer in layers] == [0.0, 0.25, 0.5]
    assert layers[0].attn.attn.dropout == 0.2 and layers[0].attn.proj_drop.p == 0.1
    assert isinstance(layers[2].attn.dropout_layer, nn.Identity)  # or branches would be dropped twice


def test_heads_divide_channels() -> None:
    with pytest.raises(ConfigError, match='num_heads'):
        LocallyGroupedSelfAttention(8, num_heads=3)
