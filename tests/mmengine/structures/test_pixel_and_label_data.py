from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mmengine.structures import LabelData, PixelData


def test_two_dimensions_become_three() -> None:
    pixels = PixelData(label=torch.zeros(4, 5), image=np.zeros((3, 4, 5)))
    assert pixels.label.shape == (1, 4, 5) and pixels.image.shape == (3, 4, 5) and pixels.shape == (4, 5)
    assert PixelData().shape is None


@pytest.mark.parametrize(
    ('value', 'error'),
    [
        (torch.zeros(3, 3), ValueError),
        (torch.zeros(4), ValueError),
        (torch.zeros(1, 1, 4, 5), ValueError),
        (3, TypeError),
    ],
)
def test_other_sizes_are_refused(value: Any, error: type) -> None:
    pixels = PixelData(label=torch.zeros(4, 5))
    with pytest.raises(error, match='other'):
        pixels.other = value


def test_the_only_field_may_change_its_size() -> None:
    pixels = PixelData(label=torch.zeros(4, 5))
    pixels.label = torch.zeros(2, 2)
    assert pixels.shape == (2, 2)


def test_cutting() -> None:
    values = torch.arange(20).reshape(1, 4, 5)
    pixels = PixelData(metainfo={'a': 1}, label=values, more=values.numpy())
    part = pixels[1:3, 2:]
    assert part.shape == (2, 3) and torch.equal(part.label, values[:, 1:3, 2:]) and part.a == 1
    assert np.array_equal(part.more, values[:, 1:3, 2:])
    assert pixels[-1, 0].label.tolist() == [[[15]]]
    assert pixels[::2, np.int64(1)].label.flatten().tolist() == [1, 11]


@pytest.mark.parametrize(
    ('item', 'error'), [(1, TypeError), ((1, 2, 3), TypeError), ((1, 'a'), TypeError), ((4, 0), IndexError)]
)
def test_wrong_cuts(item: Any, error: type) -> None:
    with pytest.raises(error):
        PixelData(label=torch.zeros(4, 5))[item]
    with pytest.raises(ValueError, match='without fields'):
        PixelData()[1, 1]


def test_labels_and_onehot() -> None:
    assert LabelData.label_to_onehot(torch.tensor([1, 3]), 4).tolist() == [0, 1, 0, 1]
    assert LabelData.onehot_to_label(torch.tensor([0, 1, 0, 1])).tolist() == [1, 3]
    assert LabelData.label_to_onehot(torch.tensor([], dtype=torch.long), 2).tolist() == [0, 0]
    for bad in (torch.tensor([4]), torch.tensor([-1]), torch.tensor(1), torch.tensor([0.5])):
        with pytest.raises(ValueError, match='label'):
            LabelData.label_to_onehot(bad, 4)
    for bad in (torch.tensor([[1]]), torch.tensor([2])):
        with pytest.raises(ValueError, match='onehot'):
            LabelData.onehot_to_label(bad)
