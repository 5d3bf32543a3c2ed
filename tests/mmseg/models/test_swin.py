from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmengine.utils.errors import ConfigError
from mmseg.models import SwinTransformer
from mmseg.models.backbones.relative_position import relative_position_index, relative_position_index_with_cls
from mmseg.models.backbones.swin import ShiftWindowMSA, WindowMSA

IMAGE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def small(**kwargs: Any) -> SwinTransformer:
    return SwinTransformer(**{'embed_dims': 8, 'num_heads': (1, 2, 2, 4), 'depths': (2, 2, 2, 1), **kwargs})


@given(st.integers(1, 5), st.integers(1, 5))
@settings(deadline=None, max_examples=20)
def test_each_offset_has_its_row(height: int, width: int) -> None:
    index = relative_position_index(height, width)
    at = [(row, col) for row in range(height) for col in range(width)]
    rows: dict[tuple[int, int], set[int]] = {}
    for i, (y, x) in enumerate(at):
        for j, (v, u) in enumerate(at):
            rows.setdefault((y - v, x - u), set()).add(int(index[i, j]))
    assert sorted(row for found in rows.values() for row in found) == list(range((2 * height - 1) * (2 * width - 1)))
    assert [rows[key].pop() for key in sorted(rows)] == sorted(range(len(rows)))  # vertical offsets outside
    with_cls = relative_position_index_with_cls(height, width)
    assert with_cls[1:, 1:].equal(index)
    assert with_cls[0, 1:].unique().tolist() == [len(rows)] and with_cls[1:, 0].unique().tolist() == [len(rows) + 1]
    assert with_cls[0, 0] == len(rows) + 2


@pytest.mark.parametrize('shift', [0, 1])
@pytest.mark.parametrize(('height', 'width'), [(6, 9), (5, 7), (2, 2)])
def test_attention_within_shifted_windows(shift: int, height: int, width: int) -> None:
    """Every pixel sees those of its window, which hang over the map where it is padded or shifted."""
    torch.manual_seed(0)
    size, channels, heads = 3, 8, 2
    attention = ShiftWindowMSA(channels, heads, size, shift_size=shift)
    msa = attention.w_msa
    nn.init.normal_(msa.relative_position_bias_table)
    x = torch.randn(2, height * width, channels)

    padded_h, padded_w = -(-height // size) * size, -(-width // size) * size
    grid = torch.zeros(2, padded_h, padded_w, channels)
    grid[:, :height, :width] = x.view(2, height, width, channels)
    query, key, value = msa.qkv(grid.flatten(1, 2)).chunk(3, dim=-1)
    at = [(row, col) for row in range(padded_h) for col in range(padded_w)]
    scores = torch.full((heads, len(at), len(at)), -torch.inf)
    table = msa.relative_position_bias_table.view(2 * size - 1, 2 * size - 1, heads)
    for i, (y, x_) in enumerate(at):
        for j, (v, u) in enumerate(at):
            if (y - shift) // size == (v - shift) // size and (x_ - shift) // size == (u - shift) // size:
                scores[:, i, j] = table[y - v + size - 1, x_ - u + size - 1]
    split = [part.view(2, -1, heads, channels // heads).transpose(1, 2) for part in (query, key, value)]
    weights = (split[0] @ split[1].transpose(-1, -2) * (channels // heads) ** -0.5 + scores).softmax(dim=-1)
    expected = msa.proj((weights @ split[2]).transpose(1, 2).flatten(2))
    expected = expected.view(2, padded_h, padded_w, channels)[:, :height, :width].flatten(1, 2)
    torch.testing.assert_close(attention(x, (height, width)), expected)


def test_outputs() -> None:
    outs = small()(IMAGE)
    assert [tuple(out.shape) for out in outs] == [(2, 8 * 2**i, 16 // 2**i, 16 // 2**i) for i in range(4)]
    assert [out.shape[2:] for out in small(out_indices=(1, 3))(torch.randn(1, 3, 50, 70))] == [(7, 9), (2, 3)]
    assert [out.shape[-1] for out in small(strides=(4, 2, 1, 2))(IMAGE)] == [16, 8, 8, 4]


def test_gradients_reach_all_parameters() -> None:
    model = small(use_abs_pos_embed=True, pretrain_img_size=32, qk_scale=0.3)
    model.init_weights()
    sum(out.square().sum() for out in model(IMAGE)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_checkpointing_gives_the_same_gradients() -> None:
    plain, saving = small(drop_path_rate=0.0), small(drop_path_rate=0.0, with_cp=True)
    saving.load_state_dict(plain.state_dict())
    for model in (plain, saving):
        model(IMAGE)[-1].square().sum().backward()
    for one, other in zip(plain.parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_position_embedding_follows_the_size_of_the_image() -> None:
    model = small(use_abs_pos_embed=True, pretrain_img_size=64, drop_path_rate=0.0).eval()
    plain = small(drop_path_rate=0.0).eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if k != 'absolute_pos_embed'})
    assert model.absolute_pos_embed.shape == (1, 256, 8)
    for image in (IMAGE, IMAGE[..., :40]):
        torch.testing.assert_close(model(image), plain(image))  # it is zero
        with torch.no_grad():
            model.absolute_pos_embed.fill_(1.0)
        assert not torch.allclose(model(image)[0], plain(image)[0])
        with torch.no_grad():
            model.absolute_pos_embed.zero_()


def test_frozen_stages_stay_frozen() -> None:
    model = small(frozen_stages=1, use_abs_pos_embed=True, pretrain_img_size=64).train()
    frozen = {name.split('.')[0] for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {'patch_embed', 'absolute_pos_embed', 'stages', 'norm0'}
    assert not model.stages[0].training and model.stages[1].training
    assert all(p.requires_grad for p in model.stages[1].parameters())
    assert {name for name, p in small(frozen_stages=0).named_parameters() if not p.requires_grad} == {
        f'patch_embed.{name}' for name in ('projection.weight', 'projection.bias', 'norm.weight', 'norm.bias')
    }


def test_initial_weights() -> None:
    model = small(use_abs_pos_embed=True)
    model.init_weights()
    msa = next(m for m in model.modules() if isinstance(m, WindowMSA))
    assert 0.01 < msa.relative_position_bias_table.std() < 0.03 and 0.01 < model.absolute_pos_embed.std() < 0.03
    assert not msa.qkv.bias.any() and 0.01 < msa.qkv.weight.std() < 0.03


@pytest.mark.parametrize('wrong', [{'num_heads': (1, 2)}, {'strides': (2, 2, 2, 2)}, {'strides': (4, 2)}])
def test_wrong_arguments(wrong: dict) -> None:
    with pytest.raises(ConfigError):
        small(**wrong)
    with pytest.raises(ConfigError, match='shift_size'):
        ShiftWindowMSA(8, 2, window_size=4, shift_size=4)
