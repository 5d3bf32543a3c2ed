import warnings
from typing import Any

import pytest
import torch
from torch import nn

from mmengine.utils.errors import ConfigError
from mmseg.models.necks import FPN, MultiLevelNeck
from mmseg.models.utils import (
    InvertedResidual,
    InvertedResidualV3,
    SELayer,
    SelfAttentionBlock,
    UpConvBlock,
    Upsample,
    make_divisible,
    nchw2nlc2nchw,
    nchw_to_nlc,
    nlc2nchw2nlc,
    nlc_to_nchw,
    resize,
)


@pytest.mark.parametrize(
    ('size', 'align', 'warns'),
    [((12, 14), True, True), ((11, 13), True, False), ((3, 4), True, False), ((12, 14), False, False)],
)
def test_resize_warns_of_misaligned_grids(size: tuple[int, int], align: bool, warns: bool) -> None:
    x = torch.randn(1, 2, 6, 7)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        out = resize(x, size, mode='bilinear', align_corners=align)
        resize(x, size, mode='bilinear', align_corners=align, warning=False)
    assert len(caught) == warns
    torch.testing.assert_close(out, nn.functional.interpolate(x, size, mode='bilinear', align_corners=align))


def test_upsample() -> None:
    x = torch.randn(1, 2, 5, 6)
    assert Upsample(size=(7, 8))(x).shape == (1, 2, 7, 8)
    assert Upsample(scale_factor=1.5, mode='bilinear', align_corners=False)(x).shape == (1, 2, 7, 9)
    assert Upsample(scale_factor=(2, 3))(x).shape == (1, 2, 10, 18)


def test_sequences_and_maps() -> None:
    x = torch.randn(2, 3, 4, 5)
    tokens = nchw_to_nlc(x)
    assert tokens.shape == (2, 20, 3) and tokens[1, 7].equal(x[1, :, 1, 2])
    assert nlc_to_nchw(tokens, (4, 5)).equal(x)
    with pytest.raises(ValueError, match='20 tokens'):
        nlc_to_nchw(tokens, (4, 4))
    norm, conv = nn.LayerNorm(3), nn.Conv2d(3, 3, 3, padding=1)
    torch.testing.assert_close(nchw2nlc2nchw(norm, x), nlc_to_nchw(norm(tokens), (4, 5)))
    for contiguous in (False, True):
        out = nlc2nchw2nlc(conv, tokens, (4, 5), contiguous=contiguous)
        torch.testing.assert_close(out, nchw_to_nlc(conv(x)))


def test_make_divisible() -> None:
    assert [make_divisible(value, 8) for value in (7, 8, 11, 12, 20, 30)] == [8, 8, 16, 16, 24, 32]
    assert make_divisible(3, 8, min_value=4) == 4
    assert make_divisible(11, 8, min_ratio=0.5) == 8


@pytest.mark.parametrize(
    ('block', 'shape'),
    [
        (SELayer(8, ratio=2), (2, 8, 6, 6)),
        (InvertedResidual(8, 8, 1, 6), (2, 8, 6, 6)),
        (InvertedResidual(8, 12, 2, 1), (2, 12, 3, 3)),
        (InvertedResidual(8, 8, 1, 2, with_cp=True), (2, 8, 6, 6)),
        (InvertedResidualV3(8, 8, 16, se_cfg={'channels': 16, 'ratio': 4}), (2, 8, 6, 6)),
        (InvertedResidualV3(8, 12, 8, stride=2, with_expand_conv=False, with_cp=True), (2, 12, 3, 3)),
    ],
)
def test_blocks(block: nn.Module, shape: tuple[int, ...]) -> None:
    x = torch.randn(2, 8, 6, 6, requires_grad=True)
    out = block(x)
    assert out.shape == shape
    out.sum().backward()
    assert x.grad is not None
    with pytest.raises(ValueError, match='stride'):
        InvertedResidual(8, 8, 3, 1)


@pytest.mark.parametrize('with_out', [False, True])
@pytest.mark.parametrize('share', [False, True])
def test_self_attention_averages_values(with_out: bool, share: bool) -> None:
    arguments: Any = {'conv_cfg': None, 'norm_cfg': {'type': 'BN'}, 'act_cfg': {'type': 'ReLU'}}
    block = SelfAttentionBlock(
        key_in_channels=8,
        query_in_channels=8,
        channels=4,
        out_channels=6,
        share_key_query=share,
        query_downsample=None,
        key_downsample=nn.AvgPool2d(2),
        key_query_num_convs=2,
        value_out_num_convs=1,
        key_query_norm=True,
        value_out_norm=False,
        matmul_norm=True,
        with_out=with_out,
        **arguments,
    )
    assert (block.query_project is block.key_project) == share
    query, key = torch.randn(2, 8, 5, 6), torch.ones(2, 8, 4, 4)
    out = block(query, key)
    assert out.shape == (2, 6, 5, 6)
    # all keys are alike: whatever the weights, each pixel gets the same value
    torch.testing.assert_close(out, out[:, :, :1, :1].expand_as(out))
    assert not with_out or not out.any()  # the output projection starts at zero


def test_up_conv_block() -> None:
    class Block(nn.Module):
        def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
            super().__init__()
            self.conv = nn.Conv2d(in_channels, out_channels, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x)

    skip, x = torch.randn(1, 4, 8, 8), torch.randn(1, 6, 4, 4)
    assert UpConvBlock(Block, 6, 4, 5)(skip, x).shape == (1, 5, 8, 8)
    same = UpConvBlock(Block, 6, 4, 5, upsample_cfg=None)
    assert same(skip, torch.randn(1, 6, 8, 8)).shape == (1, 5, 8, 8)


class TestNecks:
    inputs = [torch.randn(1, width, side, side) for width, side in ((4, 32), (6, 16), (8, 8))]

    @pytest.mark.parametrize('extra', [False, True, 'on_input', 'on_lateral', 'on_output'])
    def test_pyramid(self, extra: Any) -> None:
        neck = FPN([4, 6, 8], 5, num_outs=5, add_extra_convs=extra, relu_before_extra_convs=True)
        outs = neck(self.inputs)
        assert [tuple(out.shape[1:]) for out in outs] == [(5, side, side) for side in (32, 16, 8, 4, 2)]
        assert len(neck.fpn_convs) == (5 if extra else 3)

    def test_top_down_path(self) -> None:
        neck = FPN([4, 6, 8], 5, num_outs=3)
        inputs = [x.clone().requires_grad_() for x in self.inputs]
        neck(inputs)[0].sum().backward()
        assert all(x.grad is not None and x.grad.any() for x in inputs)

    def test_levels(self) -> None:
        outs = FPN([4, 6, 8], 5, num_outs=2, start_level=1)(self.inputs)
        assert [out.shape[-1] for out in outs] == [16, 8]
        with pytest.raises(ConfigError, match='num_outs=1'):
            FPN([4, 6, 8], 5, num_outs=1)
        with pytest.raises(ConfigError, match='on_top'):
            FPN([4, 6, 8], 5, num_outs=4, add_extra_convs='on_top')
        with pytest.raises(ConfigError, match='3 inputs'):
            FPN([4, 6, 8], 5, num_outs=3)(self.inputs[:2])

    def test_several_resolutions_of_one_input(self) -> None:
        neck = MultiLevelNeck([6], 5)
        neck.init_weights()
        assert [out.shape[-1] for out in neck([self.inputs[1]])] == [8, 16, 32, 64]
