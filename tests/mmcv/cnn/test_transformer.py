from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcv.cnn.bricks import transformer as bricks
from mmcv.cnn.bricks.transformer import (
    FFN,
    AdaptivePadding,
    BaseTransformerLayer,
    MultiheadAttention,
    PatchEmbed,
    PatchMerging,
    TransformerLayerSequence,
    build_transformer_layer_sequence,
)
from mmengine.registry import MODELS

ATTN = {'type': 'MultiheadAttention', 'embed_dims': 8, 'num_heads': 2}
FFN_CFG = {'type': 'FFN', 'feedforward_channels': 16, 'act_cfg': {'type': 'ReLU'}}


def sequence(batch: int = 2, length: int = 5) -> torch.Tensor:
    return torch.randn(batch, length, 8, generator=torch.Generator().manual_seed(0))


def test_attention_is_the_formula() -> None:
    layer = MultiheadAttention(8, 2, batch_first=True).eval()
    query, key, pos = sequence(), sequence(length=7), sequence() * 0.3
    out = layer(query, key, query_pos=pos, key_pos=torch.zeros(1))
    weight, bias = layer.attn.in_proj_weight, layer.attn.in_proj_bias
    q, k, v = (
        torch.nn.functional.linear(x, weight[i * 8 : i * 8 + 8], bias[i * 8 : i * 8 + 8]).view(2, -1, 2, 4)
        for i, x in enumerate((query + pos, key, key))
    )
    attention = torch.einsum('nqhc,nkhc->nhqk', q, k).div(2).softmax(-1)
    expected = query + layer.attn.out_proj(torch.einsum('nhqk,nkhc->nqhc', attention, v).flatten(2))
    torch.testing.assert_close(out, expected)


def test_batch_first_is_a_transposition() -> None:
    first = MultiheadAttention(8, 2, batch_first=True).eval()
    second = MultiheadAttention(8, 2).eval()
    second.load_state_dict(first.state_dict())
    x = sequence()
    torch.testing.assert_close(first(x), second(x.transpose(0, 1)).transpose(0, 1))


def test_padding_masks_hide_keys() -> None:
    layer = MultiheadAttention(8, 2, batch_first=True).eval()
    x = sequence(length=6)
    padding = torch.tensor([[False] * 4 + [True] * 2] * 2)
    expected = layer(x, x[:, :4])
    torch.testing.assert_close(layer(x, x, key_padding_mask=padding), expected)
    torch.testing.assert_close(layer(x, x, key_padding_mask=padding, attn_mask=torch.zeros(6, 6)), expected)


def test_missing_key_pos() -> None:
    layer = MultiheadAttention(8, 2, batch_first=True).eval()
    x, pos = sequence(), sequence() * 2
    torch.testing.assert_close(layer(x, query_pos=pos), layer(x, query_pos=pos, key_pos=pos))
    with pytest.warns(UserWarning, match='key_pos'):
        layer(x, sequence(length=7), query_pos=pos)


def test_old_names_of_arguments() -> None:
    with pytest.warns(DeprecationWarning, match='attn_drop'):
        layer = MultiheadAttention(8, 2, dropout=0.3)
    assert layer.attn.dropout == 0.3 and layer.dropout_layer.p == 0.3
    with pytest.warns(DeprecationWarning, match='ffn_drop'):
        assert FFN(8, 16, dropout=0.2).layers[2].p == 0.2
    with pytest.warns(DeprecationWarning, match='identity'):
        torch.testing.assert_close(FFN(8, 16)(sequence() * 0, residual=sequence()).shape, sequence().shape)
    with pytest.warns(DeprecationWarning, match='feedforward_channels'):
        layer = BaseTransformerLayer([ATTN], FFN_CFG, ('self_attn', 'ffn'), feedforward_channels=24)
    assert layer.ffns[0].feedforward_channels == 24


def test_dropout_of_the_config_is_not_shared_between_calls() -> None:
    default = MultiheadAttention(8, 2)
    with pytest.warns(DeprecationWarning):
        MultiheadAttention(8, 2, dropout=0.3)
    assert default.dropout_layer.p == MultiheadAttention(8, 2).dropout_layer.p == 0.0


def test_ffn() -> None:
    ffn = FFN(8, 16, num_fcs=3, add_identity=False)
    assert [tuple(p.shape) for n, p in ffn.named_parameters() if n.endswith('weight')] == [(16, 8), (16, 16), (8, 16)]
    x = sequence()
    with_identity = FFN(8, 16, num_fcs=3)
    with_identity.load_state_dict(ffn.state_dict())
    torch.testing.assert_close(with_identity(x), x + ffn(x))
    torch.testing.assert_close(with_identity(x, x * 2), x * 2 + ffn(x))
    with pytest.raises(ValueError, match='num_fcs'):
        FFN(8, 16, num_fcs=1)


def test_layer_takes_one_config_or_one_each() -> None:
    order = ('self_attn', 'norm', 'cross_attn', 'norm', 'ffn', 'norm')
    layer = BaseTransformerLayer([ATTN, {**ATTN, 'num_heads': 4}], FFN_CFG, order)
    assert [a.num_heads for a in layer.attentions] == [2, 4]
    assert [a.operation_name for a in layer.attentions] == ['self_attn', 'cross_attn']
    assert (len(layer.norms), len(layer.ffns), layer.pre_norm, layer.embed_dims) == (3, 1, False, 8)
    assert layer.ffns[0].embed_dims == 8  # of the attentions
    with pytest.raises(ValueError, match='attn_cfgs'):
        BaseTransformerLayer([ATTN], FFN_CFG, order)
    with pytest.raises(ValueError, match='operation_order'):
        BaseTransformerLayer(ATTN, FFN_CFG, ('self_attention',))
    with pytest.raises(ValueError, match='batch_first'):
        BaseTransformerLayer({**ATTN, 'batch_first': True}, FFN_CFG, order)
    with pytest.raises(ValueError, match='embed_dims'):
        BaseTransformerLayer(ATTN, {**FFN_CFG, 'embed_dims': 16}, order)
    with pytest.raises(TypeError, match='num_head'):
        BaseTransformerLayer(ATTN, FFN_CFG, order, num_head=2)


def test_one_mask_serves_all_attentions() -> None:
    layer = BaseTransformerLayer(ATTN, FFN_CFG, ('self_attn', 'cross_attn', 'ffn'), batch_first=True).eval()
    x = sequence()
    mask = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    torch.testing.assert_close(layer(x, x, x, attn_masks=mask), layer(x, x, x, attn_masks=[mask, mask]))
    with pytest.raises(ValueError, match='attn_masks'):
        layer(x, x, x, attn_masks=[mask])
    changed = x.clone()
    changed[:, 3:] = 0
    out, out_changed = (layer(y, y, y, attn_masks=mask) for y in (x, changed))
    torch.testing.assert_close(out[:, :3], out_changed[:, :3])
    assert not torch.allclose(out[:, 3:], out_changed[:, 3:])


def test_sequence_of_layers() -> None:
    layer = {'type': 'BaseTransformerLayer', 'attn_cfgs': ATTN, 'ffn_cfgs': FFN_CFG, 'operation_order': ('norm', 'ffn')}
    layer['operation_order'] = ('norm', 'self_attn', 'norm', 'ffn')
    cfg = {'type': 'TransformerLayerSequence', 'transformerlayers': layer, 'num_layers': 3}
    stack = build_transformer_layer_sequence(cfg)
    assert isinstance(stack, TransformerLayerSequence)
    assert len(stack.layers) == 3 and stack.pre_norm and stack.embed_dims == 8
    assert len({id(p) for p in stack.parameters()}) == 3 * len(list(stack.layers[0].parameters()))
    x = sequence()
    expected = x
    for one in stack.layers:
        expected = one(expected)
    torch.testing.assert_close(stack(x, None, None), expected)
    with pytest.raises(ValueError, match='transformerlayers'):
        TransformerLayerSequence([layer], 2)


def test_default_ffn_config_survives() -> None:
    for _ in range(2):
        layer = BaseTransformerLayer({**ATTN, 'embed_dims': 256}, operation_order=('self_attn', 'ffn'))
        assert layer.ffns[0].feedforward_channels == 1024


@settings(deadline=None, max_examples=40)
@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 5),
    dilation=st.integers(1, 2),
    padding=st.sampled_from(['corner', 'same']),
)
def test_patches_cover_the_image(size: tuple[int, int], kernel: int, stride: int, dilation: int, padding: str) -> None:
    embed = PatchEmbed(1, 2, 'Conv2d', kernel, stride, padding, dilation, input_size=size)
    x, out_size = embed(torch.zeros(1, 1, *size))
    assert out_size == embed.init_out_size == tuple(-(-side // stride) for side in size)
    assert x.shape == (1, out_size[0] * out_size[1], 2)


def test_padding_is_where_it_should_be() -> None:
    x = torch.ones(1, 1, 5, 5)
    corner = AdaptivePadding(4, 4, padding='corner')(x)
    same = AdaptivePadding(4, 4, padding='same')(x)
    assert torch.equal(corner[0, 0].nonzero().amax(0), torch.tensor([4, 4]))
    assert torch.equal(same[0, 0].nonzero().amin(0), torch.tensor([1, 1])) and same.shape == corner.shape
    with pytest.raises(ValueError, match='padding'):
        AdaptivePadding(padding='center')


def test_patch_embed_takes_class_and_norm() -> None:
    embed = PatchEmbed(3, 8, kernel_size=2, stride=None, padding=None, norm_cfg={'type': 'LN'})
    assert embed.projection.stride == (2, 2)
    x, size = embed(torch.randn(1, 3, 4, 6))
    assert size == (2, 3)
    torch.testing.assert_close(x.mean(-1), torch.zeros(1, 6), atol=1e-5, rtol=0)


def test_patch_merging_checks_the_size() -> None:
    merge = PatchMerging(8, 16)
    out, size = merge(sequence(length=15), (3, 5))
    assert size == (2, 3) and out.shape == (2, 6, 16)
    with pytest.raises(ValueError, match='size'):
        merge(sequence(length=15), (4, 5))


@pytest.mark.parametrize('name', ['build_attention', 'build_feedforward_network', 'build_positional_encoding'])
def test_builders_build_models(name: str) -> None:
    built: Any = getattr(bricks, name)({'embed_dims': 8, 'feedforward_channels': 4}, {'type': 'FFN'})
    assert isinstance(built, FFN)
    assert MODELS.get('MultiheadAttention') is MultiheadAttention
