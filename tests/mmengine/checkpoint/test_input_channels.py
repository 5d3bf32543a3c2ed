"""Weights for colour images in models of other channels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmengine.checkpoint import load_state_dict
from mmengine.checkpoint.input_channels import inflate_channels
from mmengine.utils.errors import CheckpointError


@settings(deadline=None)
@given(st.integers(1, 20))
def test_equal_channels_get_the_same_response(channels):
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    inflated = inflate_channels(weight, channels)
    assert inflated.shape == (4, channels, 3, 3)
    if channels != 2:
        torch.testing.assert_close(inflated.sum(dim=1), weight.sum(dim=1))


def test_two_channels_and_volumes():
    weight = torch.randn(4, 3, 2, 2, 2)
    torch.testing.assert_close(inflate_channels(weight, 2), weight[:, :2] * 1.5)
    six = inflate_channels(weight, 6)
    torch.testing.assert_close(six, torch.cat([weight, weight], dim=1) / 2)


class Model(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.stem = nn.Conv2d(channels, 4, 3)
        self.head = nn.Conv2d(4, 2, 1)


def test_only_the_stem_is_inflated(caplog):
    torch.manual_seed(0)
    colour, model = Model(3), Model(5)
    load_state_dict(model, colour.state_dict())
    torch.testing.assert_close(model.stem.weight, inflate_channels(colour.stem.weight, 5))
    torch.testing.assert_close(model.head.weight, colour.head.weight)
    with pytest.raises(CheckpointError, match='stem.weight'):
        load_state_dict(Model(5), colour.state_dict(), strict=True)


@pytest.mark.parametrize(
    'conv',
    [
        nn.Conv2d(5, 4, 5),
        nn.Conv2d(5, 8, 3),
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Conv1d(5, 4, 3),
        nn.ConvTranspose2d(5, 4, 3),
    ],
)
def test_what_differs_otherwise_is_left(conv):
    model = nn.Sequential(conv, nn.Linear(2, 2), nn.Linear(2, 2))
    before = conv.weight.detach().clone()
    state = {**model.state_dict(), '0.weight': torch.zeros(4, 3, 3, 3)}
    load_state_dict(model, state)
    torch.testing.assert_close(conv.weight, before)


def test_checkpoints_of_other_channels_than_colour_are_left():
    model = Model(5)
    before = model.stem.weight.detach().clone()
    load_state_dict(model, Model(4).state_dict())
    torch.testing.assert_close(model.stem.weight, before)
